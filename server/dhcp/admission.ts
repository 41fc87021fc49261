// Whose packets are looked at when more come in than honest machines send. Pure: `now` comes in. Anybody on the network can
// invent machines, relay agents and circuits, so that what is kept of them has a fixed size: tables in which some share a place.

import type { Mac } from '../net/mac.ts'
import { hash } from './leases.ts'
import type { DhcpPacket } from './packet.ts'
import { OPTION } from './registry.ts'

export interface DhcpLimits {
  /** Packets a second of machines that are no known hosts and hold no lease and no offer, all together. */
  readonly strangersPerSecond: number
  /** The same for each card, and for each relay agent with each of its circuits (option 82). */
  readonly strangersPerSecondPerLink: number
  /** Of any one machine. */
  readonly packetsPerSecondPerMachine: number
  /** Addresses of a subnet that are kept for machines that were offered them; beyond, the oldest offer is made again. */
  readonly offersPerSubnet: number
}

export type Refusal = 'strangers' | 'strangers-of-link' | 'packets-of-machine'

/** A room that is switched on is a burst: so many seconds' worth may come at once. */
const STRANGERS_BURST_SECONDS = 10
const MACHINE_BURST_SECONDS = 2
const LINKS = 1024
const MACHINES = 8192

export class Admission {
  readonly #all: Buckets
  readonly #links: Buckets
  readonly #machines: Buckets

  constructor(limits: DhcpLimits) {
    this.#all = new Buckets(1, limits.strangersPerSecond, STRANGERS_BURST_SECONDS)
    this.#links = new Buckets(LINKS, limits.strangersPerSecondPerLink, STRANGERS_BURST_SECONDS)
    this.#machines = new Buckets(MACHINES, limits.packetsPerSecondPerMachine, MACHINE_BURST_SECONDS)
  }

  /**
   * Undefined: it is to be answered.
   * @param identity what the machine is known by
   * @param isKnown a known host, or one that holds a lease or an offer
   * @param now ms, monotonic
   */
  refuse(packet: DhcpPacket, identity: Mac, link: string, isKnown: boolean, now: number): Refusal | undefined {
    if (!this.#machines.take(hash(identity), now)) return 'packets-of-machine'
    if (isKnown) return undefined
    if (!this.#links.take(hash(wayOf(packet, link)), now)) return 'strangers-of-link'
    return this.#all.take(0, now) ? undefined : 'strangers'
  }
}

/** A circuit is a port of a switch: whoever floods from there takes no other port's share. */
function wayOf({ giaddr, options }: DhcpPacket, link: string): string {
  if (giaddr === 0) return link
  const agent = options.get(OPTION.relayAgent)
  return `${giaddr} ${agent ? Buffer.from(agent).toString('latin1') : ''}`
}

/** Token buckets; a key's bucket is the one at its place in the table. */
class Buckets {
  readonly #perMs: number
  readonly #burst: number
  readonly #tokens: Float64Array
  readonly #filledAt: Float64Array

  constructor(size: number, perSecond: number, burstSeconds: number) {
    this.#perMs = perSecond / 1000
    this.#burst = perSecond * burstSeconds
    this.#tokens = new Float64Array(size).fill(this.#burst)
    this.#filledAt = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
  }

  take(key: number, now: number): boolean {
    const place = key % this.#tokens.length
    const since = now - (this.#filledAt[place] ?? 0)
    const tokens = Math.min(this.#burst, (this.#tokens[place] ?? 0) + since * this.#perMs)
    this.#filledAt[place] = now
    this.#tokens[place] = tokens >= 1 ? tokens - 1 : tokens
    return tokens >= 1
  }
}
