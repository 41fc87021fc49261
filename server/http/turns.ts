// Fair turns: whoever has something to send gets a turn, then stands at the end of the line again. Between rounds the
// event loop sees to everybody else, DHCP and TFTP among them.
import { afterOthers } from '../clock.ts'

const TURNS_PER_ROUND = 2

export class Turns {
  #line: (() => void)[] = []
  #isRound = false

  /** `turn` is called once, never from within this call. */
  add(turn: () => void): void {
    this.#line.push(turn)
    this.#begin()
  }

  #begin(): void {
    if (this.#isRound || this.#line.length === 0) return
    this.#isRound = true
    afterOthers(() => this.#round())
  }

  /** Who is alone in the line has all of its turns. */
  #round(): void {
    for (let i = 0; i < TURNS_PER_ROUND; i++) this.#line.shift()?.()
    this.#isRound = false
    this.#begin()
  }
}
