// Whose DHCP and DHCPv6 packets are looked at when more come in than honest machines send. Pure: `now` comes in. Anybody on the
// network can invent machines, relay agents and circuits, so that what is kept of them has a fixed size: tables in which some
// share a place.

import { hash } from './hash.ts'
import type { Mac } from './mac.ts'

export interface AdmissionLimits {
  /** Packets a second of machines that are no known hosts and hold no address, all together. */
  readonly strangersPerSecond: number
  /** The same for each card, and for each relay agent with each of its circuits (option 82; interface-id in DHCPv6). */
  readonly strangersPerSecondPerLink: number
  /** Of any one machine. */
  readonly packetsPerSecondPerMachine: number
}

/** Who sent a packet. */
export interface Sender {
  /** What the machine is known by. */
  readonly identity: Mac
  /** The card, or the relay agent and circuit, that it came by. */
  readonly way: string
  /** A known host, or one that holds a lease or an offer. */
  readonly isKnown: boolean
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

  constructor(limits: AdmissionLimits) {
    this.#all = new Buckets(1, limits.strangersPerSecond, STRANGERS_BURST_SECONDS)
    this.#links = new Buckets(LINKS, limits.strangersPerSecondPerLink, STRANGERS_BURST_SECONDS)
    this.#machines = new Buckets(MACHINES, limits.packetsPerSecondPerMachine, MACHINE_BURST_SECONDS)
  }

  /** Undefined: it is to be answered. @param now ms; never jumps */
  refuse({ identity, way, isKnown }: Sender, now: number): Refusal | undefined {
    if (!this.#machines.take(hash(identity), now)) return 'packets-of-machine'
    if (isKnown) return undefined
    if (!this.#links.take(hash(way), now)) return 'strangers-of-link'
    return this.#all.take(0, now) ? undefined : 'strangers'
  }
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
