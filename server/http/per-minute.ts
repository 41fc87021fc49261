// How often each address may do a thing.
import type { Clock } from '../clock.ts'

const MINUTE_MS = 60_000

export class PerMinute {
  readonly #most: number
  readonly #clock: Clock
  readonly #counts = new Map<string, number>()
  #since = Number.NEGATIVE_INFINITY

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /** Counts this time too. Everybody's minute begins at the same moment. */
  allows(address: string): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#since >= MINUTE_MS) {
      this.#counts.clear()
      this.#since = now
    }
    const count = (this.#counts.get(address) ?? 0) + 1
    this.#counts.set(address, count)
    return count <= this.#most
  }
}
