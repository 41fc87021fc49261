// Persist, then answer: leases that come in while others are on their way to disk share the next commit, so that strangers who
// ask for many do not keep a known machine waiting for as many commits.
import type { Forgotten6, Lease6, LeaseStore6 } from './leases.ts'

export class LeaseBatches {
  readonly #store: Pick<LeaseStore6, 'save'>
  #waiting: (Lease6 | Forgotten6)[] = []
  #next: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(store: Pick<LeaseStore6, 'save'>) {
    this.#store = store
  }

  /** Resolves when they are on disk; rejects when the store refused them, and all that came with them. */
  save(leases: readonly (Lease6 | Forgotten6)[]): Promise<void> {
    this.#waiting.push(...leases)
    this.#next ??= this.#running.then(() => this.#flush())
    return this.#next
  }

  #flush(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    this.#next = undefined
    const saved = this.#store.save(batch)
    this.#running = saved.catch(() => undefined)
    return saved
  }
}
