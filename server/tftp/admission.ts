// Who may ask, and start a transfer, now. Pure: counts and a token bucket per source, with a bound on the sources remembered.

export interface AdmissionLimits {
  readonly maxTransfers: number
  readonly maxTransfersPerSource: number
  /** Requests a second from one address, in the long run. */
  readonly requestsPerSecond: number
  readonly requestBurst: number
}

interface Source {
  transfers: number
  tokens: number
  at: number
}

const MAX_SOURCES = 8192

export class Admission {
  readonly #limits: AdmissionLimits
  readonly #sources = new Map<string, Source>()
  #transfers = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  get transfers(): number {
    return this.#transfers
  }

  get isFull(): boolean {
    return this.#transfers >= this.#limits.maxTransfers
  }

  /** Whether a request from this address is worth an answer; false when it asks too fast. */
  request(address: string, at: number): boolean {
    const source = this.#source(address, at)
    const earned = ((at - source.at) / 1000) * this.#limits.requestsPerSecond
    source.tokens = Math.min(this.#limits.requestBurst, source.tokens + earned)
    source.at = at
    if (source.tokens < 1) return false
    source.tokens--
    return true
  }

  /** `ok` must be given back with `release`. */
  begin(address: string, at: number): 'ok' | 'too-many-transfers' | 'too-many-from-source' {
    const source = this.#source(address, at)
    if (source.transfers >= this.#limits.maxTransfersPerSource) return 'too-many-from-source'
    if (this.isFull) return 'too-many-transfers'
    source.transfers++
    this.#transfers++
    return 'ok'
  }

  release(address: string): void {
    const source = this.#sources.get(address)
    if (!source || source.transfers === 0) return
    source.transfers--
    this.#transfers--
  }

  #source(address: string, at: number): Source {
    const known = this.#sources.get(address) ?? { transfers: 0, tokens: this.#limits.requestBurst, at }
    this.#sources.delete(address) // the map's order is that of last use
    this.#sources.set(address, known)
    if (this.#sources.size > MAX_SOURCES) this.#forgetOne()
    return known
  }

  #forgetOne(): void {
    for (const [address, source] of this.#sources) {
      if (source.transfers > 0) continue
      this.#sources.delete(address)
      return
    }
  }
}
