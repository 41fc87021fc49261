// How often something took how long (or was how big): a few counts, made to be added to in the hot path.

/** Takes one measurement: seconds, unless told. What an engine is given of a histogram. */
export type Observe = (value: number) => void

export interface Reading {
  /** Cumulative, ascending; the last one is up to infinity. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[]
  readonly sum: number
  readonly count: number
}

/** From half a millisecond to the seconds after which firmware asks again. */
export const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const
/** From a boot script to a root image over a slow line. */
export const DURATION_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const

export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** @param bounds ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  readonly observe: Observe = (value) => {
    let at = 0
    while (at < this.#bounds.length && value > (this.#bounds[at] ?? 0)) at += 1
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += value
  }

  read(): Reading {
    let count = 0
    const buckets = [...this.#bounds, Number.POSITIVE_INFINITY].map((upTo, at) => {
      count += this.#counts[at] ?? 0
      return { upTo, count }
    })
    return { buckets, sum: this.#sum, count }
  }
}
