// One timer for all transfers. Hundreds of them move their deadlines with every ACK, and hardly any deadline is reached:
// a timer for each would cost more than what it guards.
import type { Clock, Timer } from '../clock.ts'

export interface Sleeper {
  /** On the monotonic clock; infinite while it has nothing to wait for. */
  readonly wakeAt: number
  /** It is late enough. Afterwards `wakeAt` lies in the future. */
  wake(): void
}

export class Alarms {
  readonly #clock: Clock
  readonly #sleepers = new Set<Sleeper>()
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper)
    this.moved(sleeper)
  }

  remove(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper)
    if (this.#sleepers.size === 0) this.#setTimer(Number.POSITIVE_INFINITY)
  }

  /** Its deadline is another one now. One that lies later costs nothing: the timer comes early, and looks again. */
  moved({ wakeAt }: Sleeper): void {
    if (wakeAt < this.#timerAt) this.#setTimer(wakeAt)
  }

  #setTimer(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = Number.isFinite(at)
      ? this.#clock.after(Math.max(1, Math.ceil(at - this.#clock.monotonic())), () => this.#look())
      : undefined
  }

  #look(): void {
    const now = this.#clock.monotonic()
    // While it looks, no sleeper that moves sets the timer.
    this.#timerAt = Number.NEGATIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const sleeper of this.#sleepers) {
      if (sleeper.wakeAt <= now) sleeper.wake()
      if (this.#sleepers.has(sleeper)) next = Math.min(next, sleeper.wakeAt)
    }
    this.#setTimer(next)
  }
}
