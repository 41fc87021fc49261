// Sends resources in fair turns: straight from the page cache where the system lets us, else by reading and writing.
import { hash } from 'node:crypto'
import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Resource } from '../boot/model.ts'
import type { Clock } from '../clock.ts'
import type { NativeSend } from './native-send.ts'
import { OpenFiles } from './open-files.ts'
import type { Outlet } from './outlet.ts'
import { Pieces, SMALLEST_BYTES } from './pieces.ts'
import type { Representation, ResponsePlan } from './response-plan.ts'
import { Turns } from './turns.ts'

const TURN_BYTES = 256 * 1024
const PROGRESS_MS = 1_000

export interface Delivery {
  readonly sentBytes: number
  /** In words; undefined when everything planned was sent. */
  readonly failure: string | undefined
}

/** The file is shorter than it was said to be, or changed while it was sent. */
export class FileCutShort extends Error {
  readonly code = 'FILE_CUT_SHORT'

  constructor(path: string, at: number) {
    super(`${path} ended at byte ${at}`)
    this.name = 'FileCutShort'
  }
}

export function representationOf(resource: Resource): Representation {
  const { mediaType } = resource
  if (resource.kind === 'text') {
    const etag = `"${hash('sha256', resource.body)}"`
    return { sizeBytes: resource.body.length, etag, modifiedAt: undefined, mediaType, immutable: false }
  }
  const { sizeBytes, modifiedAt, digest } = resource
  const name = digest ?? `${sizeBytes.toString(16)}-${Math.trunc(modifiedAt).toString(16)}`
  return { sizeBytes, etag: `"${name}"`, modifiedAt, mediaType, immutable: digest !== undefined }
}

export interface SenderDeps {
  readonly clock: Clock
  /** Without it, bytes go through buffers of ours. */
  readonly native: NativeSend | undefined
}

/** What all responses share: open files, buffers, and the line they stand in. */
export class Sender {
  readonly #deps: SenderDeps
  readonly #files: OpenFiles
  readonly #pieces = new Pieces()
  readonly #turns = new Turns()

  constructor(deps: SenderDeps) {
    this.#deps = deps
    this.#files = new OpenFiles(deps.clock)
  }

  /**
   * Sends what the plan says, and ends the response. Resolves when the last byte is handed to the kernel or the client
   * is gone; a client that goes away is a failure in words.
   *
   * @throws what the file system says, and FileCutShort; the connection is broken off then, unless nothing was sent yet
   */
  async deliver(
    outlet: Outlet,
    plan: ResponsePlan,
    resource: Resource,
    onProgress: (sentBytes: number) => void
  ): Promise<Delivery> {
    const { status, headers, start, end } = plan
    if (start === end || resource.kind === 'text') {
      const body = resource.kind === 'text' && start < end ? resource.body.subarray(start, end) : undefined
      outlet.begin(status, headers, body, false)
      outlet.end()
      return { sentBytes: end - start, failure: undefined }
    }
    // Before the headers: an unreadable file is still a clean 500.
    const { path } = resource
    const file = await this.#files.open(path)
    try {
      outlet.begin(status, headers, undefined, true)
      const { clock, native } = this.#deps
      const shared = { clock, native, pieces: this.#pieces, turns: this.#turns }
      return await new Sending(shared, outlet, { handle: file, path, start, end }, onProgress).run()
    } catch (error) {
      outlet.breakOff()
      throw error
    } finally {
      this.#files.close(path)
    }
  }

  /** What was kept open for whoever may come next. */
  close(): Promise<void> {
    return this.#files.closeIdle()
  }
}

interface Shared extends SenderDeps {
  readonly pieces: Pieces
  readonly turns: Turns
}

interface Span {
  readonly handle: FileHandle
  readonly path: string
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/** One body on its way. */
class Sending {
  readonly #shared: Shared
  readonly #outlet: Outlet
  readonly #span: Span
  readonly #onProgress: (sentBytes: number) => void
  readonly #ended = Promise.withResolvers<Delivery>()
  #at: number
  #toldAt: number

  constructor(shared: Shared, outlet: Outlet, span: Span, onProgress: (sentBytes: number) => void) {
    this.#shared = shared
    this.#outlet = outlet
    this.#span = span
    this.#onProgress = onProgress
    this.#at = span.start
    this.#toldAt = shared.clock.monotonic()
  }

  /** The first turn is taken at once: most requests for a small piece are over with it. */
  run(): Promise<Delivery> {
    this.#turn()
    return this.#ended.promise
  }

  readonly #turn = (): void => {
    this.#send().catch((error: unknown) => this.#ended.reject(error))
  }

  async #send(): Promise<void> {
    const { native } = this.#shared
    const { handle, end } = this.#span
    const wanted = Math.min(TURN_BYTES, end - this.#at)
    const socket = native === undefined ? undefined : this.#outlet.descriptor
    // Without a descriptor bytes of ours are still on their way, and nothing may overtake them.
    if (native === undefined || socket === undefined || !native.isCached(handle.fd, this.#at + wanted - 1)) {
      await this.#copy(wanted, false)
      return
    }
    const sent = sendfile(native, socket, handle.fd, this.#at, wanted)
    if (sent === undefined) {
      this.#end(this.#clientIsGone('the client went away'))
      return
    }
    this.#outlet.passed(sent)
    this.#count(sent)
    // The kernel is full: a small piece written the ordinary way returns when there is room again.
    if (sent < wanted) await this.#copy(Math.min(SMALLEST_BYTES, end - this.#at), true)
    else this.#goOn()
  }

  /** @param isCached the bytes are in memory: to read them now takes less than to have them read. */
  async #copy(wanted: number, isCached: boolean): Promise<void> {
    const { pieces } = this.#shared
    const piece = pieces.take(wanted)
    try {
      const { handle, path } = this.#span
      const length = Math.min(wanted, piece.length)
      const bytesRead = isCached
        ? readSync(handle.fd, piece, 0, length, this.#at)
        : (await handle.read(piece, 0, length, this.#at)).bytesRead
      if (bytesRead === 0) throw new FileCutShort(path, this.#at)
      if (!(await this.#outlet.write(piece.subarray(0, bytesRead)))) {
        this.#end(this.#clientIsGone(this.#outlet.gone ?? 'the client went away'))
        return
      }
      this.#count(bytesRead)
    } finally {
      pieces.give(piece)
    }
    this.#goOn()
  }

  #goOn(): void {
    const { gone } = this.#outlet
    if (this.#at === this.#span.end) {
      this.#outlet.end()
      this.#end({ sentBytes: this.#at - this.#span.start, failure: undefined })
    } else if (gone === undefined) this.#shared.turns.add(this.#turn)
    else this.#end(this.#clientIsGone(gone))
  }

  #count(bytes: number): void {
    this.#at += bytes
    const now = this.#shared.clock.monotonic()
    if (now - this.#toldAt < PROGRESS_MS) return
    this.#toldAt = now
    this.#onProgress(this.#at - this.#span.start)
  }

  #end(delivery: Delivery): void {
    this.#ended.resolve(delivery)
  }

  #clientIsGone(why: string): Delivery {
    const { start, end } = this.#span
    const sentBytes = this.#at - start
    return { sentBytes, failure: `${why} after ${sentBytes} of ${end - start} bytes` }
  }
}

/** Undefined when the client is gone. */
function sendfile(native: NativeSend, socket: number, file: number, at: number, length: number): number | undefined {
  try {
    return native.file(socket, file, at, length)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EPIPE' || code === 'ECONNRESET') return undefined
    throw error
  }
}
