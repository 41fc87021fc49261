// Whether what has to be kept can be: tries now and then to write where it is kept, and says so in one line when that changes.
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Clock, Timer } from './clock.ts'

export interface WatchedDirectory {
  /** Its setting: `stateDir`. */
  readonly setting: string
  readonly path: string
  /** What does not work for as long as it can't be written to: `no new leases are given`. */
  readonly consequence: string
}

export interface DiskWatchOptions {
  readonly directories: readonly WatchedDirectory[]
  readonly clock: Clock
  readonly log: { error(facts: object, line: string): void; info(facts: object, line: string): void }
}

const EVERY_MS = 10_000
/** As much as a commit of the database may need at once. */
const PROBE = Buffer.alloc(64 * 1024, 1)
const PROBE_NAME = '.rootcast-writable'
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'it is mounted read-only',
  EACCES: 'it is not ours to write to',
  EIO: 'the disk is broken'
}

export class DiskWatch {
  readonly #options: DiskWatchOptions
  /** Settings of directories that can't be written to, with the reason in words. */
  readonly #unwritable = new Map<string, string>()
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: DiskWatchOptions) {
    this.#options = options
    this.#wait()
  }

  get unwritable(): ReadonlyMap<string, string> {
    return this.#unwritable
  }

  get settings(): readonly string[] {
    return this.#options.directories.map(({ setting }) => setting)
  }

  /** Resolves when every directory has been tried. */
  async look(): Promise<void> {
    for (const directory of this.#options.directories) await this.#lookAt(directory)
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#looking
    this.#timer?.cancel()
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(EVERY_MS, () => {
      this.#looking = this.look()
      void this.#looking.then(() => this.#wait())
    })
  }

  async #lookAt({ setting, path: directory, consequence }: WatchedDirectory): Promise<void> {
    const { log } = this.#options
    const reason = await whyUnwritable(directory)
    const before = this.#unwritable.get(setting)
    if (reason === before) return
    if (reason === undefined) {
      this.#unwritable.delete(setting)
      log.info({ directory }, `${setting}: ${directory} can be written to again`)
    } else {
      this.#unwritable.set(setting, reason)
      log.error({ directory }, `${setting}: ${directory} can't be written to (${reason}): ${consequence}`)
    }
  }
}

async function whyUnwritable(directory: string): Promise<string | undefined> {
  const probe = path.join(directory, PROBE_NAME)
  try {
    await writeFile(probe, PROBE)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return REASONS[code] ?? code
  } finally {
    await rm(probe, { force: true }).catch(() => undefined) // the reason is known already
  }
}
