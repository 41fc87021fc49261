// Fair turns: whoever has something to send gets a turn, then stands at the end of the line again. Between rounds the
// event loop sees to everybody else, DHCP and TFTP among them.
import { afterOthers } from '../clock.ts'

const TURNS_PER_ROUND = 8

export class Turns {
  readonly #line: (() => void)[] = []

  /** `turn` is called once, never from within this call. */
  add(turn: () => void): void {
    this.#line.push(turn)
    if (this.#line.length === 1) afterOthers(() => this.#round())
  }

  #round(): void {
    const those = Math.min(TURNS_PER_ROUND, this.#line.length)
    for (let i = 0; i < those; i++) this.#line[i]?.()
    this.#line.splice(0, those)
    if (this.#line.length > 0) afterOthers(() => this.#round())
  }
}
