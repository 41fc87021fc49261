// Who has which address of one subnet. A machine's address is a hash of what it is known by, so offering one takes no
// memory and losing the store changes nobody's; what was promised is kept so that nobody else is promised the same.
import { hash } from 'node:crypto'
import type { LatestLease } from '../boot/lease-change.ts'
import { contains6, type Ipv6, ipv6Bytes, ipv6FromBytes } from '../net/ipv6.ts'
import type { Mac } from '../net/mac.ts'
import type { Dhcp6Subnet } from './settings.ts'

/** What is kept on disk of one address. */
export interface Lease6 {
  readonly address: Ipv6
  /** The machine's MAC, or `duid-` and its DUID in hex. */
  readonly identity: Mac
  /** In hex. */
  readonly duid: string
  /** `declined`: somebody else uses it, and it rests until `expiresAt`. */
  readonly state: 'bound' | 'declined' | 'released'
  /** ms since 1970 */
  readonly expiresAt: number
  /** ms since 1970 */
  readonly updatedAt: number
}

/** To be kept no longer. */
export interface Forgotten6 {
  readonly address: Ipv6
  readonly state: 'forgotten'
}

/** How many addresses are taken. */
export interface Usage6 {
  /** More are not kept: see SubnetLeases6. */
  readonly size: number
  readonly bound: number
  readonly declined: number
}

export interface LeaseStore6 {
  /** Resolves when all of them are on disk, the last word for each address. Rejects when that is not certain. */
  save(leases: readonly (Lease6 | Forgotten6)[]): Promise<void>
}

/** Anybody can invent identities: more than this many machines are not remembered. */
const MAX_LEASES = 65_536
/** An address that is in use already, 64 bits being random, is a chance of one in 10¹⁴ even with all of them taken. */
const PROBES = 8
const DECLINED_MS = 600_000

/**
 * Who is forgotten loses nothing but to be known: its address is still its own, and it has a lease again when it asks. So
 * where the table is full somebody is forgotten for each newcomer: who asked once and never came back, the longest ago first.
 */
export class SubnetLeases6 {
  readonly #subnet: Dhcp6Subnet
  readonly #limit: number
  /** What was taken once, given back or declined; the oldest first. */
  readonly #once = new Map<Ipv6, Lease6>()
  /** Of machines that came back: firmware, loader and system of one do so within a boot. The longest unheard first. */
  readonly #renewed = new Map<Ipv6, Lease6>()

  constructor(subnet: Dhcp6Subnet, limit = MAX_LEASES) {
    this.#subnet = subnet
    this.#limit = limit
  }

  /** Once, before the first message: what the store has. */
  restore(leases: readonly Lease6[]): void {
    for (const lease of leases.toSorted((a, b) => a.updatedAt - b.updatedAt)) {
      if (!contains6(this.#subnet.subnet, lease.address)) continue
      // Who came back is not on disk: all have the benefit of the doubt.
      const table = lease.state === 'bound' ? this.#renewed : this.#once
      table.set(lease.address, lease)
    }
  }

  latestLease(address: Ipv6, now: number): LatestLease | undefined {
    const lease = this.#get(address)
    return lease && { identity: lease.identity, isOver: lease.state !== 'bound' || now >= lease.expiresAt }
  }

  /** It has a lease that is not over. */
  holds(identity: Mac, now: number): boolean {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const lease = this.#get(this.#candidate(identity, probe))
      if (lease === undefined) return false // strangers, of whom there may be many, cost one look
      if (lease.identity === identity && lease.state === 'bound' && now < lease.expiresAt) return true
    }
    return false
  }

  /** The address that this machine has or would get; undefined when others use all that would be its. Promises nothing. */
  addressFor(identity: Mac, isOurs: (address: Ipv6) => boolean, now: number): Ipv6 | undefined {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const address = this.#candidate(identity, probe)
      const holder = this.#get(address)
      const isFree = holder === undefined || now >= holder.expiresAt || holder.state === 'released'
      if (!isOurs(address) && (isFree || (holder.identity === identity && holder.state === 'bound'))) return address
    }
    return undefined
  }

  /** The lease to save before the reply leaves, and who is forgotten for it; `address` is what addressFor said. */
  bind(identity: Mac, duid: string, address: Ipv6, now: number): readonly [Lease6, ...Forgotten6[]] {
    const before = this.#get(address)
    const isBack = before?.identity === identity && before.state === 'bound'
    const expiresAt = now + this.#subnet.leaseSeconds * 1000
    const lease: Lease6 = { address, identity, duid, state: 'bound', expiresAt, updatedAt: now }
    const forgotten = before === undefined ? this.#makeRoom(now) : []
    this.#set(lease, isBack ? this.#renewed : this.#once)
    return [lease, ...forgotten]
  }

  /** Undefined when the machine doesn't have this address. */
  end(identity: Mac, address: Ipv6, state: 'released' | 'declined', now: number): Lease6 | undefined {
    const lease = this.#get(address)
    if (lease?.identity !== identity || lease.state !== 'bound') return undefined
    const expiresAt = state === 'declined' ? now + DECLINED_MS : now
    const ended: Lease6 = { ...lease, state, expiresAt, updatedAt: now }
    this.#set(ended, this.#once)
    return ended
  }

  usage(now: number): Usage6 {
    const usage = { size: this.#limit, bound: 0, declined: 0 }
    for (const table of [this.#once, this.#renewed]) {
      for (const { state, expiresAt } of table.values()) {
        if (state !== 'released' && expiresAt > now) usage[state] += 1
      }
    }
    return usage
  }

  #get(address: Ipv6): Lease6 | undefined {
    return this.#renewed.get(address) ?? this.#once.get(address)
  }

  #set(lease: Lease6, table: Map<Ipv6, Lease6>): void {
    this.#once.delete(lease.address)
    this.#renewed.delete(lease.address)
    table.set(lease.address, lease)
  }

  #makeRoom(now: number): Forgotten6[] {
    const forgotten: Forgotten6[] = []
    while (this.#once.size + this.#renewed.size >= this.#limit) {
      const [unheard] = this.#renewed.values()
      const [stranger] = this.#once.keys()
      const address = unheard && now >= unheard.expiresAt ? unheard.address : (stranger ?? unheard?.address)
      if (address === undefined) break // a limit of none
      this.#once.delete(address)
      this.#renewed.delete(address)
      forgotten.push({ address, state: 'forgotten' })
    }
    return forgotten
  }

  #candidate(identity: Mac, probe: number): Ipv6 {
    const id = hash('sha256', `${identity} ${probe}`, 'buffer').subarray(0, 8)
    return ipv6FromBytes(Buffer.concat([ipv6Bytes(this.#subnet.subnet.network).subarray(0, 8), id]))
  }
}
