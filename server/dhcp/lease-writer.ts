// Persist, then answer: leases go to the store in batches, and what hangs on a lease happens when it is on disk.
import { afterOthers } from '../clock.ts'
import type { Lease, LeaseStore } from './leases.ts'

export interface LeaseWriterOptions {
  readonly store: LeaseStore
  /** The batch could not be saved, and nothing that waited for it happened. */
  onFailure(error: unknown): void
  /** After failures, one was saved. */
  onRecovery(): void
}

interface Waiting {
  readonly lease: Lease
  readonly done: (saved: boolean) => void
}

export class LeaseWriter {
  readonly #options: LeaseWriterOptions
  #waiting: Waiting[] = []
  #saving: readonly Waiting[] = []
  #idle: (() => void)[] = []
  #isFailing = false

  constructor(options: LeaseWriterOptions) {
    this.#options = options
  }

  /** Leases that are not on disk yet. */
  get size(): number {
    return this.#waiting.length + this.#saving.length
  }

  /** The last batch could not be saved. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** The clock was set by so many ms: moves what waits, and what is saved. Rejects when the store does. */
  async shift(ms: number): Promise<void> {
    this.#waiting = this.#waiting.map(({ lease, done }) => ({
      lease: { ...lease, expiresAt: lease.expiresAt + ms, updatedAt: lease.updatedAt + ms },
      done
    }))
    await this.#options.store.shift(ms)
  }

  /**
   * Saved in this order. Many share one commit: those that were read together, and all that come in during a commit.
   *
   * @param done must not throw
   */
  save(lease: Lease, done: (saved: boolean) => void): void {
    this.#waiting.push({ lease, done })
    if (this.size === 1) afterOthers(() => this.#flush())
  }

  /** Resolves when nothing is waiting any more. */
  idle(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    this.#saving = batch
    const leases = batch.map(({ lease }) => lease)
    this.#commit(leases).then(
      () => {
        if (this.#isFailing) this.#options.onRecovery()
        this.#isFailing = false
        for (const { done } of batch) done(true)
        this.#next()
      },
      (error: unknown) => {
        this.#options.onFailure(error)
        this.#isFailing = true
        for (const { done } of batch) done(false)
        this.#next()
      }
    )
  }

  async #commit(leases: readonly Lease[]): Promise<void> {
    await this.#options.store.save(leases)
  }

  #next(): void {
    this.#saving = []
    if (this.#waiting.length > 0) {
      this.#flush()
      return
    }
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
