// One at a time, in the order asked: for changes that look before they leap.

/** Runs what it is given one after another. A failure is its caller's alone; the next goes on. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
