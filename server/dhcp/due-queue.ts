// Entries in the order in which they fall due: a doubly linked list through the entries, so that every step is O(1).

export interface Queued<T extends Queued<T>> {
  queue: DueQueue<T> | undefined
  before: T | undefined
  after: T | undefined
}

/** Holds its order because whatever joins falls due no sooner than what is there already. */
export class DueQueue<T extends Queued<T>> {
  #first: T | undefined
  #last: T | undefined
  #size = 0

  get first(): T | undefined {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  /** Leaves whatever queue it was in, and joins this one at its end. */
  push(entry: T): void {
    entry.queue?.remove(entry)
    entry.queue = this
    entry.before = this.#last
    if (this.#last) this.#last.after = entry
    else this.#first = entry
    this.#last = entry
    this.#size += 1
  }

  remove(entry: T): void {
    if (entry.queue !== this) return
    if (entry.before) entry.before.after = entry.after
    else this.#first = entry.after
    if (entry.after) entry.after.before = entry.before
    else this.#last = entry.before
    entry.queue = undefined
    entry.before = undefined
    entry.after = undefined
    this.#size -= 1
  }
}
