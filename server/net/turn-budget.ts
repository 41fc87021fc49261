// How long a socket that never runs dry may be read before others have their turn: libuv hands over up to 32 datagrams of it first,
// and with each of them more may be read.
import { afterOthers, type Clock } from '../clock.ts'

const TURN_MS = 10

export class TurnBudget {
  readonly #clock: Clock
  #endsAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Until the next turn of the event loop. The first time that it is asked in a turn, it is not. */
  get isSpent(): boolean {
    const now = this.#clock.monotonic()
    if (this.#endsAt !== undefined) return now >= this.#endsAt
    this.#endsAt = now + TURN_MS
    afterOthers(() => {
      this.#endsAt = undefined
    })
    return false
  }
}
