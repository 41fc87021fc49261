// What strangers send and nobody answers: counted as it comes, told in summary lines, however much of it there is.
import type { Clock, Timer } from './clock.ts'

export interface DropLogOptions {
  /** Who speaks: `TFTP`. */
  readonly protocol: string
  readonly log: { warn(facts: object, line: string): void }
  readonly clock: Clock
}

/** The first line comes so long after the first drop; while drops go on, each next one waits twice as long. */
const FIRST_PERIOD_MS = 10_000
const LONGEST_PERIOD_MS = 10 * 60_000
/** Sources that are followed at a time. */
const SOURCES = 16

export class DropLog {
  readonly #options: DropLogOptions
  readonly #sources = new HeavyHitters(SOURCES)
  #reasons = new Map<string, number>()
  #since = 0
  #periodMs = FIRST_PERIOD_MS
  #timer: Timer | undefined

  constructor(options: DropLogOptions) {
    this.#options = options
  }

  /**
   * True for the first of its reason since the last line: if there are details, they are worth a line of their own then.
   *
   * @param reason one of a few
   * @param source who sent it: an address
   */
  count(reason: string, source: string): boolean {
    const before = this.#reasons.get(reason) ?? 0
    this.#reasons.set(reason, before + 1)
    this.#sources.count(source)
    if (!this.#timer) {
      this.#since = this.#options.clock.monotonic()
      this.#wait()
    }
    return before === 0
  }

  /** Tells what has not been told yet. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#tell()
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(this.#periodMs, () => {
      const goesOn = this.#tell()
      this.#periodMs = goesOn ? Math.min(2 * this.#periodMs, LONGEST_PERIOD_MS) : FIRST_PERIOD_MS
      this.#timer = undefined
      if (goesOn) this.#wait()
    })
  }

  /** False when there was nothing to tell. */
  #tell(): boolean {
    const drops = Object.fromEntries([...this.#reasons].sort(([, a], [, b]) => b - a))
    const total = [...this.#reasons.values()].reduce((sum, count) => sum + count, 0)
    if (total === 0) return false
    const { protocol, log, clock } = this.#options
    const now = clock.monotonic()
    const seconds = Math.round((now - this.#since) / 1000)
    const busiest = this.#sources.top()
    // With fewer than a tenth from any one address, none of them is worth a name.
    const from = busiest && busiest.atLeast * 10 >= total ? { busiestSource: busiest.source } : {}
    const reasons = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`)
    const most = 'busiestSource' in from ? `, most of them from ${from.busiestSource}` : ''
    log.warn({ drops, seconds, ...from }, `${protocol}: dropped in ${seconds} s: ${reasons.join(', ')}${most}`)
    this.#reasons = new Map()
    this.#sources.clear()
    this.#since = now
    return true
  }
}

/** Who comes most often in a stream too long to count everybody (Misra and Gries, 1982). */
class HeavyHitters {
  readonly #size: number
  readonly #counts = new Map<string, number>()

  constructor(size: number) {
    this.#size = size
  }

  count(source: string): void {
    const known = this.#counts.get(source)
    if (known !== undefined || this.#counts.size < this.#size) {
      this.#counts.set(source, (known ?? 0) + 1)
      return
    }
    for (const [other, count] of this.#counts) {
      if (count === 1) this.#counts.delete(other)
      else this.#counts.set(other, count - 1)
    }
  }

  /** Whoever sent more than a share of 1 in `size + 1` is found; `atLeast` may be too low by that share. */
  top(): { readonly source: string; readonly atLeast: number } | undefined {
    let found: { source: string; atLeast: number } | undefined
    for (const [source, atLeast] of this.#counts) if (!found || atLeast > found.atLeast) found = { source, atLeast }
    return found
  }

  clear(): void {
    this.#counts.clear()
  }
}
