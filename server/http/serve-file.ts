// Sends resources in fair turns: straight from the page cache where the system lets us, else by reading and writing.
import { hash } from 'node:crypto'
import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Resource } from '../boot/model.ts'
import type { Clock } from '../clock.ts'
import { rescue, type Soon, whenThere } from '../soon.ts'
import type { NativeSend } from './native-send.ts'
import { OpenFiles } from './open-files.ts'
import type { Outlet } from './outlet.ts'
import { Pieces, SMALLEST_BYTES } from './pieces.ts'
import type { Representation, ResponsePlan } from './response-plan.ts'
import { type Share, Turns } from './turns.ts'

const TURN_BYTES = 2 * 1024 * 1024
/** A file comes into memory, and leaves it, in pieces that are not much smaller. */
const CACHED_BYTES = 512 * 1024
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
  readonly #files: OpenFiles
  readonly #shared: Shared

  constructor({ clock, native }: SenderDeps) {
    this.#files = new OpenFiles(clock)
    this.#shared = { clock, native, pieces: new Pieces(), turns: new Turns() }
  }

  /**
   * Sends what the plan says, and ends the response. What is returned is there when the last byte is handed to the kernel
   * or the client is gone; a client that goes away is a failure in words.
   *
   * @throws what the file system says, and FileCutShort, at once or later; the connection is broken off then, unless
   *   nothing was sent yet
   */
  deliver(
    outlet: Outlet,
    plan: ResponsePlan,
    resource: Resource,
    onProgress: (sentBytes: number) => void
  ): Soon<Delivery> {
    const { status, headers, start, end } = plan
    if (start === end || resource.kind === 'text') {
      const body = resource.kind === 'text' && start < end ? resource.body.subarray(start, end) : undefined
      outlet.begin(status, headers, body, false)
      outlet.end()
      return { sentBytes: end - start, failure: undefined }
    }
    const { path } = resource
    // Before the headers: an unreadable file is still a clean 500.
    return whenThere(this.#files.open(path), (handle) => {
      const sending = new Sending(this.#shared, outlet, { handle, path, start, end }, onProgress)
      const over = rescue(
        () => {
          outlet.begin(status, headers, undefined, true)
          return sending.run()
        },
        (error) => {
          outlet.breakOff()
          this.#files.close(path)
          throw error
        }
      )
      return whenThere(over, (delivery) => {
        this.#files.close(path)
        return delivery
      })
    })
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
  #later: PromiseWithResolvers<Delivery> | undefined
  readonly #share: Share
  #at: number
  #toldAt: number

  constructor(shared: Shared, outlet: Outlet, span: Span, onProgress: (sentBytes: number) => void) {
    this.#shared = shared
    this.#outlet = outlet
    this.#span = span
    this.#onProgress = onProgress
    this.#share = shared.turns.newShare()
    this.#at = span.start
    this.#toldAt = shared.clock.monotonic()
  }

  /** The first turn is taken at once: most requests for a small piece are over with it. */
  run(): Soon<Delivery> {
    const delivery = this.#send()
    if (delivery !== undefined) return delivery
    this.#later = Promise.withResolvers<Delivery>()
    return this.#later.promise
  }

  readonly #turn = (): void => this.#conclude(() => this.#send())

  #conclude(step: () => Delivery | undefined): void {
    try {
      const delivery = step()
      if (delivery !== undefined) this.#later?.resolve(delivery)
    } catch (error) {
      this.#later?.reject(error)
    }
  }

  /** Undefined when it goes on by itself. */
  #send(): Delivery | undefined {
    const { native } = this.#shared
    const { handle, end } = this.#span
    const wanted = Math.min(TURN_BYTES, end - this.#at)
    const socket = native === undefined ? undefined : this.#outlet.descriptor
    // Without a descriptor bytes of ours are still on their way, and nothing may overtake them.
    const cached = native === undefined || socket === undefined ? 0 : this.#cachedBytes(native, wanted)
    if (native === undefined || socket === undefined || cached === 0) {
      this.#copyLater(wanted, false)
      return undefined
    }
    const sent = sendfile(native, socket, handle.fd, this.#at, cached)
    if (sent === undefined) return this.#clientIsGone('the client went away')
    this.#outlet.passed(sent)
    this.#count(sent)
    if (sent === cached) return this.#goOn()
    // The kernel is full: a small piece written the ordinary way returns when there is room again.
    this.#copyLater(Math.min(SMALLEST_BYTES, end - this.#at), true)
    return undefined
  }

  /** How many of the wanted bytes can be sent without waiting for a disk. */
  #cachedBytes(native: NativeSend, wanted: number): number {
    let bytes = 0
    while (bytes < wanted) {
      const next = Math.min(bytes + CACHED_BYTES, wanted)
      if (!native.isCached(this.#span.handle.fd, this.#at + next - 1)) break
      bytes = next
    }
    return bytes
  }

  #copyLater(wanted: number, isCached: boolean): void {
    this.#copy(wanted, isCached).then(
      (failure) => this.#conclude(() => failure ?? this.#goOn()),
      (error: unknown) => this.#later?.reject(error)
    )
  }

  /** @param isCached the bytes are in memory: to read them now takes less than to have them read. */
  async #copy(wanted: number, isCached: boolean): Promise<Delivery | undefined> {
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
        return this.#clientIsGone(this.#outlet.gone ?? 'the client went away')
      }
      this.#count(bytesRead)
      return undefined
    } finally {
      pieces.give(piece)
    }
  }

  #goOn(): Delivery | undefined {
    if (this.#at === this.#span.end) {
      this.#outlet.end()
      return { sentBytes: this.#at - this.#span.start, failure: undefined }
    }
    const { gone } = this.#outlet
    if (gone !== undefined) return this.#clientIsGone(gone)
    this.#shared.turns.add(this.#share, this.#turn)
    return undefined
  }

  #count(bytes: number): void {
    this.#at += bytes
    this.#share.bytes += bytes
    const now = this.#shared.clock.monotonic()
    if (now - this.#toldAt < PROGRESS_MS) return
    this.#toldAt = now
    this.#onProgress(this.#at - this.#span.start)
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
