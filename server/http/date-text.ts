// Dates as HTTP writes them (RFC 9110 §5.6.7).

/** Keeps the last one: it is asked for again and again, and made anew when the second is another. */
export class DateText {
  #second = Number.NaN
  #text = ''

  /** @param ms since 1970 */
  of(ms: number): string {
    const second = Math.floor(ms / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#text = new Date(ms).toUTCString()
    }
    return this.#text
  }
}
