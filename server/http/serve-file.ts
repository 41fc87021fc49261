// Sends resources: large reads, one file handle for each response, and no more of a file in memory than two reads.
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { type ServerResponse } from 'node:http'
import { type Resource } from '../boot/model.ts'
import { type Clock } from '../clock.ts'
import { type Representation, type ResponsePlan } from './response-plan.ts'

const READ_BYTES = 256 * 1024
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
    const etag = `"${createHash('sha256').update(resource.body).digest('hex')}"`
    return { sizeBytes: resource.body.length, etag, modifiedAt: undefined, mediaType, immutable: false }
  }
  const { sizeBytes, modifiedAt, digest } = resource
  const name = digest ?? `${sizeBytes.toString(16)}-${Math.trunc(modifiedAt).toString(16)}`
  return { sizeBytes, etag: `"${name}"`, modifiedAt, mediaType, immutable: digest !== undefined }
}

/**
 * Sends what the plan says, and ends the response. Resolves when the last byte is handed to the kernel or the client is
 * gone; a client that goes away is a failure in words.
 *
 * @throws what the file system says, and FileCutShort; the connection is broken off then, for a short body would pass
 * as a whole one with HTTP/1.0
 */
export async function deliver(
  response: ServerResponse,
  plan: ResponsePlan,
  resource: Resource,
  clock: Clock,
  onProgress: (sentBytes: number) => void
): Promise<Delivery> {
  if (plan.start === plan.end || resource.kind === 'text') {
    const body = resource.kind === 'text' ? resource.body.subarray(plan.start, plan.end) : ''
    response.writeHead(plan.status, plan.headers)
    response.end(body)
    return { sentBytes: plan.end - plan.start, failure: undefined }
  }
  // Before the headers: an unreadable file is still a clean 500.
  const file = await open(resource.path)
  try {
    response.writeHead(plan.status, plan.headers)
    return await new Sending(response, file, resource.path, plan, clock, onProgress).run()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    await file.close()
  }
}

/** One body on its way: while one buffer is being written, the next is being read. */
class Sending {
  readonly #response: ServerResponse
  readonly #file: FileHandle
  readonly #path: string
  readonly #plan: ResponsePlan
  readonly #clock: Clock
  readonly #onProgress: (sentBytes: number) => void
  #sentBytes = 0
  #toldAt: number

  constructor(
    response: ServerResponse,
    file: FileHandle,
    path: string,
    plan: ResponsePlan,
    clock: Clock,
    onProgress: (sentBytes: number) => void
  ) {
    this.#response = response
    this.#file = file
    this.#path = path
    this.#plan = plan
    this.#clock = clock
    this.#onProgress = onProgress
    this.#toldAt = clock.monotonic()
  }

  async run(): Promise<Delivery> {
    const { start, end } = this.#plan
    const size = Math.min(READ_BYTES, end - start)
    let [idle, busy] = [
      Buffer.allocUnsafeSlow(size),
      end - start > size ? Buffer.allocUnsafeSlow(size) : Buffer.alloc(0)
    ]
    let writing: Promise<boolean> = Promise.resolve(true)
    for (let at = start; at < end; ) {
      const chunk = await this.#read(idle, at, end)
      if (!(await writing)) return this.#clientIsGone()
      at += chunk.length
      writing = this.#write(chunk, at === end)
      ;[idle, busy] = [busy, idle]
    }
    return (await writing) ? { sentBytes: this.#sentBytes, failure: undefined } : this.#clientIsGone()
  }

  async #read(buffer: Buffer, at: number, end: number): Promise<Buffer> {
    const wanted = Math.min(buffer.length, end - at)
    const { bytesRead } = await this.#file.read(buffer, 0, wanted, at)
    if (bytesRead === 0) throw new FileCutShort(this.#path, at)
    return buffer.subarray(0, bytesRead)
  }

  /** False when the client is gone. Resolves once the kernel has taken the bytes, so the buffer is free again. */
  #write(chunk: Buffer, last: boolean): Promise<boolean> {
    const response = this.#response
    return new Promise((resolve) => {
      if (response.destroyed) {
        resolve(false)
        return
      }
      const done = (taken: boolean) => {
        response.off('close', closed)
        if (taken) this.#count(chunk.length)
        resolve(taken)
      }
      // A response that was written to its end closes as well, at times before it says that it has finished.
      const closed = () => done(response.writableFinished)
      response.once('close', closed)
      if (last) response.end(chunk, () => done(true))
      else response.write(chunk, (error) => done(!error))
    })
  }

  #count(bytes: number): void {
    this.#sentBytes += bytes
    const now = this.#clock.monotonic()
    if (now - this.#toldAt < PROGRESS_MS) return
    this.#toldAt = now
    this.#onProgress(this.#sentBytes)
  }

  #clientIsGone(): Delivery {
    const all = this.#plan.end - this.#plan.start
    return { sentBytes: this.#sentBytes, failure: `the client went away after ${this.#sentBytes} of ${all} bytes` }
  }
}
