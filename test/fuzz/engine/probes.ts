// What instrumented code reports while it runs: which branches, how often, and so how much work there was.

/** More work for one input than its length can justify: as good as a hang. */
export class TooMuchWork extends Error {
  constructor(limit: number) {
    super(`more than ${limit} branches for one input`)
    this.name = 'TooMuchWork'
  }
}

const MAX_PROBES = 1 << 16

/** Hits are told apart by magnitude, as AFL does: a loop that ran 5 times is another thing than one that ran 200. */
const MAGNITUDE = Uint8Array.from({ length: 256 }, (_, hits) => {
  if (hits <= 3) return hits === 0 ? 0 : 1 << (hits - 1)
  if (hits < 8) return 8
  if (hits < 16) return 16
  if (hits < 32) return 32
  return hits < 128 ? 64 : 128
})

export class Probes {
  readonly #hits = new Uint8Array(MAX_PROBES)
  readonly #touched: number[] = []
  readonly #seen = new Uint8Array(MAX_PROBES)
  #known = 0
  #work = 0
  #limit = Number.POSITIVE_INFINITY

  /** The number of a new probe. */
  add(): number {
    if (this.#known === MAX_PROBES) throw new RangeError(`more than ${MAX_PROBES} branches are instrumented`)
    return this.#known++
  }

  /** Called by the instrumented code. */
  readonly hit = (probe: number): void => {
    if (++this.#work > this.#limit) throw new TooMuchWork(this.#limit)
    const hits = this.#hits[probe] ?? 0
    if (hits === 0) this.#touched.push(probe)
    if (hits < 255) this.#hits[probe] = hits + 1
  }

  begin(workLimit: number): void {
    for (const probe of this.#touched) this.#hits[probe] = 0
    this.#touched.length = 0
    this.#work = 0
    this.#limit = workLimit
  }

  /** Lifts the limit: what runs between inputs is no input's fault. */
  end(): void {
    this.#limit = Number.POSITIVE_INFINITY
  }

  /** Whether the last input did anything that none before it did; it is remembered. */
  isNew(): boolean {
    let found = false
    for (const probe of this.#touched) {
      const magnitude = MAGNITUDE[this.#hits[probe] ?? 0] ?? 0
      const seen = this.#seen[probe] ?? 0
      if ((seen | magnitude) === seen) continue
      this.#seen[probe] = seen | magnitude
      found = true
    }
    return found
  }

  /** The branches that the last input took. */
  taken(): readonly number[] {
    return [...this.#touched]
  }

  /** Branches that any input has reached, of those there are. */
  get reached(): number {
    return this.#seen.reduce((sum, seen) => sum + (seen === 0 ? 0 : 1), 0)
  }

  get total(): number {
    return this.#known
  }
}
