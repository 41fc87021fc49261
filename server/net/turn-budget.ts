// How much a socket that never runs dry may have done before others have their turn: libuv hands over up to 32 datagrams of it
// first, and with each of them more may be read.
import { afterOthers } from '../clock.ts'

export class TurnBudget {
  readonly #most: number
  #left: number

  /** @param most datagrams in one turn of the event loop; a batch that has been begun goes over it */
  constructor(most: number) {
    this.#most = most
    this.#left = most
  }

  get isSpent(): boolean {
    return this.#left <= 0
  }

  spend(datagrams: number): void {
    if (this.#left === this.#most && datagrams > 0) {
      afterOthers(() => {
        this.#left = this.#most
      })
    }
    this.#left -= datagrams
  }
}
