// Fair turns: of those who have something to send, whoever has had least goes first. Between rounds the event loop sees to
// everybody else, DHCP and TFTP among them.
import { afterOthers } from '../clock.ts'

const TURNS_PER_ROUND = 2
/** Who was away for long makes up for no more than this. */
const MOST_BEHIND = 32 * 1024 * 1024

/** What somebody has had. */
export interface Share {
  /** Whoever sends counts here. Only differences mean something. */
  bytes: number
}

interface Waiting {
  readonly share: Share
  readonly turn: () => void
}

export class Turns {
  #line: Waiting[] = []
  #isRound = false
  /** The share of whoever was furthest when it had its turn. */
  #level = 0

  /** Whoever is new begins where the others are. */
  newShare(): Share {
    return { bytes: this.#level }
  }

  /** `turn` is called once, never from within this call. */
  add(share: Share, turn: () => void): void {
    share.bytes = Math.max(share.bytes, this.#level - MOST_BEHIND)
    this.#line.push({ share, turn })
    this.#begin()
  }

  #begin(): void {
    if (this.#isRound || this.#line.length === 0) return
    this.#isRound = true
    afterOthers(() => this.#round())
  }

  /** Who is alone in the line has all of its turns. */
  #round(): void {
    for (let i = 0; i < TURNS_PER_ROUND && this.#line.length > 0; i++) this.#next()
    this.#isRound = false
    this.#begin()
  }

  #next(): void {
    const next = this.#line.reduce((least, one) => (one.share.bytes < least.share.bytes ? one : least))
    this.#line.splice(this.#line.indexOf(next), 1)
    this.#level = Math.max(this.#level, next.share.bytes)
    next.turn()
  }
}
