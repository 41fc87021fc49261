// The time that leases count by: wall time, for it is kept on disk and shown, but none that an administrator's setting of
// the clock moves under them.
import type { Clock } from '../clock.ts'

/** Less is the work of NTP, or of the scheduler. */
const STEP_MS = 10_000

export class LeaseTime {
  readonly #clock: Clock
  #origin: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#origin = clock.now() - clock.monotonic()
  }

  /** ms since 1970 */
  now(): number {
    return Math.round(this.#origin + this.#clock.monotonic())
  }

  /** By how many ms the clock was set since the last call, 0 when it was not. From then on `now` tells the new time. */
  takeStep(): number {
    const step = Math.round(this.#clock.now() - this.#clock.monotonic() - this.#origin)
    if (Math.abs(step) < STEP_MS) return 0
    this.#origin += step
    return step
  }
}
