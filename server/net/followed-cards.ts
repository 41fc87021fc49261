// Which cards are served, as they come, change and go: opens what is wanted and there, closes what is not any more.
import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../start-error.ts'
import type { NetworkInterface } from './interfaces.ts'
import { type Ipv4, parseIpv4 } from './ipv4.ts'

export interface Card {
  readonly name: string
  /** Its own, the primary one first. */
  readonly addresses: readonly Ipv4[]
}

export interface OpenCard {
  close(): Promise<void>
}

export interface FollowedCardsOptions {
  /** Who speaks in the log: `DHCP`. */
  readonly protocol: string
  /** None: every card but the loopback. */
  readonly names: readonly string[]
  /** Rejects when the card cannot be served now. */
  open(card: Card): Promise<OpenCard>
  readonly clock: Clock
  readonly log: Log
}

interface Served {
  readonly card: Card
  readonly seen: NetworkInterface
  readonly sockets: OpenCard
}

/** A port may be taken for a moment, and a card may go between two looks. */
const RETRY_MS = 5000

export class FollowedCards {
  readonly #options: FollowedCardsOptions
  readonly #served = new Map<string, Served>()
  /** Cards that could not be opened, and were told of. */
  readonly #refused = new Set<string>()
  #seen: readonly NetworkInterface[] = []
  #turn: Promise<void> = Promise.resolve()
  #retry: Timer | undefined
  #closed = false

  constructor(options: FollowedCardsOptions) {
    this.#options = options
  }

  /** Those that are served now. */
  get cards(): readonly Card[] {
    return [...this.#served.values()].map(({ card }) => card)
  }

  /** Opens what is there; what is not is waited for, and said. Rejects when a card cannot be opened. */
  async start(seen: readonly NetworkInterface[]): Promise<void> {
    this.#seen = seen
    for (const card of servable(seen, this.#options.names)) await this.#open(card)
    this.#tellWaiting()
  }

  /** Never throws. What comes of it comes later, and goes into the log. */
  follow(seen: readonly NetworkInterface[]): void {
    this.#seen = seen
    this.#turn = this.#turn.then(() => this.#adjust())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#retry?.cancel()
    await this.#turn
    await Promise.all([...this.#served.values()].map(({ sockets }) => sockets.close()))
    this.#served.clear()
  }

  async #adjust(): Promise<void> {
    if (this.#closed) return
    this.#retry?.cancel()
    const wanted = new Map(servable(this.#seen, this.#options.names).map((card) => [card.name, card]))
    for (const { seen, sockets } of [...this.#served.values()]) {
      const now = wanted.get(seen.name)
      if (now && isSame(seen, now)) continue
      await sockets.close()
      this.#served.delete(seen.name)
      if (!now) this.#tell('warn', seen.name, `has left ${seen.name}: ${this.#why(seen.name)}`)
    }
    for (const card of wanted.values()) {
      if (!this.#served.has(card.name)) await this.#openOrRetry(card)
    }
  }

  async #openOrRetry(seen: NetworkInterface): Promise<void> {
    const { name, ipv4 } = seen
    try {
      await this.#open(seen)
      this.#refused.delete(name)
      this.#tell('info', name, `answers on ${name} now, from ${ipv4.join(', ')}`)
    } catch (error) {
      this.#retry = this.#options.clock.after(RETRY_MS, () => this.follow(this.#seen))
      if (this.#refused.has(name)) return
      this.#refused.add(name)
      this.#tell('warn', name, `cannot answer on ${name} yet: ${messageOf(error)}`)
    }
  }

  async #open(seen: NetworkInterface): Promise<void> {
    const addresses = seen.ipv4.map(parseIpv4).filter((address) => address !== undefined)
    const card = { name: seen.name, addresses }
    this.#served.set(seen.name, { card, seen, sockets: await this.#options.open(card) })
  }

  #tellWaiting(): void {
    const { names, protocol, log } = this.#options
    for (const name of names) {
      if (!this.#served.has(name)) this.#tell('warn', name, `waits for ${name}: ${this.#why(name)}`)
    }
    if (names.length === 0 && this.#served.size === 0) {
      log.warn(`${protocol} waits for a network interface that is up and has an IPv4 address`)
    }
  }

  #tell(level: 'info' | 'warn', name: string, what: string): void {
    this.#options.log[level]({ interface: name }, `${this.#options.protocol} ${what}`)
  }

  #why(name: string): string {
    const card = this.#seen.find((one) => one.name === name)
    if (!card) return 'there is no such interface (see: ip link)'
    return card.up ? 'it has no IPv4 address' : 'it is down'
  }
}

function servable(seen: readonly NetworkInterface[], names: readonly string[]): readonly NetworkInterface[] {
  return seen.filter(
    ({ name, up, loopback, ipv4 }) => up && ipv4.length > 0 && (names.length === 0 ? !loopback : names.includes(name))
  )
}

/** Sockets stay good: the card is the same one, with the same addresses. */
function isSame(a: NetworkInterface, b: NetworkInterface): boolean {
  return a.index === b.index && a.ipv4.join() === b.ipv4.join()
}
