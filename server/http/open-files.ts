// One open file for all who read it at the same time, kept open a little longer for those who come next.
import { type FileHandle, open } from 'node:fs/promises'
import type { Clock, Timer } from '../clock.ts'

/** A machine that fetches a file in ranges asks for the next one within this time. */
const LINGER_MS = 1_000

interface Shared {
  readonly handle: Promise<FileHandle>
  readers: number
  closing: Timer | undefined
}

export class OpenFiles {
  readonly #clock: Clock
  readonly #files = new Map<string, Shared>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with what the file system says; each call that resolved needs one `close`. */
  async open(path: string): Promise<FileHandle> {
    const shared = this.#files.get(path) ?? this.#begin(path)
    shared.closing?.cancel()
    shared.closing = undefined
    shared.readers += 1
    try {
      return await shared.handle
    } catch (error) {
      if (this.#files.get(path) === shared) this.#files.delete(path)
      throw error
    }
  }

  close(path: string): void {
    const shared = this.#files.get(path)
    if (shared === undefined) return
    shared.readers -= 1
    if (shared.readers === 0) shared.closing = this.#clock.after(LINGER_MS, () => this.#end(path, shared))
  }

  /** What nobody reads is closed now, without waiting for a next reader. */
  async closeIdle(): Promise<void> {
    for (const [path, shared] of this.#files) if (shared.readers === 0) await this.#end(path, shared)
  }

  #begin(path: string): Shared {
    const shared = { handle: open(path), readers: 0, closing: undefined }
    this.#files.set(path, shared)
    return shared
  }

  async #end(path: string, shared: Shared): Promise<void> {
    shared.closing?.cancel()
    this.#files.delete(path)
    await (await shared.handle).close()
  }
}
