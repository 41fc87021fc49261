// How many lines a minute a log may have of things that strangers can bring about.
import type { Clock } from './clock.ts'

const MINUTE_MS = 60_000

export class LineBudget {
  readonly #perMinute: number
  readonly #clock: Clock
  #startedAt = Number.NEGATIVE_INFINITY
  #lines = 0

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Whether there is room for a line; the first one of a minute for which there is none is worth saying so. */
  take(): 'room' | 'just-full' | 'full' {
    const now = this.#clock.monotonic()
    if (now - this.#startedAt >= MINUTE_MS) {
      this.#startedAt = now
      this.#lines = 0
    }
    this.#lines += 1
    if (this.#lines <= this.#perMinute) return 'room'
    return this.#lines === this.#perMinute + 1 ? 'just-full' : 'full'
  }
}
