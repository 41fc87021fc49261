// One open file for all who read it at the same time, kept open a little longer for those who come next.
import { type FileHandle, open } from 'node:fs/promises'
import type { Clock, Timer } from '../clock.ts'
import type { Soon } from '../soon.ts'

/** A machine that fetches a file in ranges asks for the next one within this time. */
const LINGER_MS = 1_000

interface Shared {
  /** Once it is open. */
  handle: Soon<FileHandle>
  readers: number
  /** Since the last look. */
  wasRead: boolean
}

export class OpenFiles {
  readonly #clock: Clock
  readonly #files = new Map<string, Shared>()
  #look: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with what the file system says; each call that gave a handle needs one `close`. */
  open(path: string): Soon<FileHandle> {
    const shared = this.#files.get(path) ?? this.#begin(path)
    shared.readers += 1
    shared.wasRead = true
    return shared.handle
  }

  close(path: string): void {
    const shared = this.#files.get(path)
    if (shared === undefined) return
    shared.readers -= 1
    this.#watch()
  }

  /** What nobody reads is closed now, without waiting for a next reader. */
  async closeIdle(): Promise<void> {
    for (const [path, { readers }] of this.#files) if (readers === 0) await this.#end(path)
  }

  #begin(path: string): Shared {
    const opening = this.#open(path)
    const shared: Shared = { handle: opening, readers: 0, wasRead: true }
    this.#files.set(path, shared)
    return shared
  }

  async #open(path: string): Promise<FileHandle> {
    try {
      const handle = await open(path)
      const shared = this.#files.get(path)
      if (shared !== undefined) shared.handle = handle
      return handle
    } catch (error) {
      this.#files.delete(path)
      throw error
    }
  }

  /** One timer for all of them: what was not read from one look to the next is closed. */
  #watch(): void {
    this.#look ??= this.#clock.after(LINGER_MS, () => {
      this.#look = undefined
      for (const [path, shared] of this.#files) {
        if (shared.readers === 0 && !shared.wasRead) void this.#end(path)
        shared.wasRead = shared.readers > 0
      }
      if (this.#files.size > 0) this.#watch()
    })
  }

  async #end(path: string): Promise<void> {
    const shared = this.#files.get(path)
    this.#files.delete(path)
    await (await shared?.handle)?.close()
  }
}
