// How much a socket that never runs dry may have done before others have their turn: libuv hands over up to 32 datagrams of it
// first, and with each of them more may be read.
import { afterOthers } from '../clock.ts'

export class TurnBudget {
  readonly #most: number
  #left: number

  /** @param most how often `take` succeeds in one turn of the event loop */
  constructor(most: number) {
    this.#most = most
    this.#left = most
  }

  get isSpent(): boolean {
    return this.#left === 0
  }

  take(): boolean {
    if (this.#left === 0) return false
    if (this.#left === this.#most) {
      afterOthers(() => {
        this.#left = this.#most
      })
    }
    this.#left -= 1
    return true
  }
}
