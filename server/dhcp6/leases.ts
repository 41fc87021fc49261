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

/** How many addresses are taken. */
export interface Usage6 {
  /** More are not given. */
  readonly size: number
  readonly bound: number
  readonly declined: number
}

export interface LeaseStore6 {
  load(): Promise<readonly Lease6[]>
  /** Resolves when all of them are on disk, the last word for each address. Rejects when that is not certain. */
  save(leases: readonly Lease6[]): Promise<void>
}

/** Anybody can invent identities: more than this many machines are not remembered, and so not served, but for known hosts. */
const MAX_LEASES = 65_536
/** An address that is in use already, 64 bits being random, is a chance of one in 10¹⁴ even with all of them taken. */
const PROBES = 8
const DECLINED_MS = 600_000
/** How often a full table is looked through for leases that are over. */
const SWEEP_MS = 60_000

export class SubnetLeases6 {
  readonly #subnet: Dhcp6Subnet
  readonly #limit: number
  readonly #leases = new Map<Ipv6, Lease6>()
  #sweptAt = -Infinity

  constructor(subnet: Dhcp6Subnet, limit = MAX_LEASES) {
    this.#subnet = subnet
    this.#limit = limit
  }

  /** Once, before the first message: what the store has. */
  restore(leases: readonly Lease6[]): void {
    for (const lease of leases)
      if (contains6(this.#subnet.subnet, lease.address)) this.#leases.set(lease.address, lease)
  }

  latestLease(address: Ipv6, now: number): LatestLease | undefined {
    const lease = this.#leases.get(address)
    return lease && { identity: lease.identity, isOver: lease.state !== 'bound' || now >= lease.expiresAt }
  }

  /** It has a lease that is not over. */
  holds(identity: Mac, now: number): boolean {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const lease = this.#leases.get(this.#candidate(identity, probe))
      if (lease === undefined) return false // strangers, of whom there may be many, cost one look
      if (lease.identity === identity && lease.state === 'bound' && now < lease.expiresAt) return true
    }
    return false
  }

  /**
   * The address that this machine has or would get; undefined when there is none. Promises nothing.
   * @param isKnownHost there is always room for it: nobody can invent those
   */
  addressFor(identity: Mac, isOurs: (address: Ipv6) => boolean, now: number, isKnownHost = false): Ipv6 | undefined {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const address = this.#candidate(identity, probe)
      const holder = this.#leases.get(address)
      const isFree = holder === undefined || now >= holder.expiresAt || holder.state === 'released'
      if (!isOurs(address) && (isFree || (holder.identity === identity && holder.state === 'bound'))) {
        return holder !== undefined || isKnownHost || this.#hasRoom(now) ? address : undefined
      }
    }
    return undefined
  }

  /** The lease to save before the reply leaves; `address` is what addressFor said. */
  bind(identity: Mac, duid: string, address: Ipv6, now: number): Lease6 {
    const expiresAt = now + this.#subnet.leaseSeconds * 1000
    return this.#set({ address, identity, duid, state: 'bound', expiresAt, updatedAt: now })
  }

  /** Undefined when the machine doesn't have this address. */
  end(identity: Mac, address: Ipv6, state: 'released' | 'declined', now: number): Lease6 | undefined {
    const lease = this.#leases.get(address)
    if (lease?.identity !== identity || lease.state !== 'bound') return undefined
    return this.#set({ ...lease, state, expiresAt: state === 'declined' ? now + DECLINED_MS : now, updatedAt: now })
  }

  usage(now: number): Usage6 {
    const usage = { size: this.#limit, bound: 0, declined: 0 }
    for (const { state, expiresAt } of this.#leases.values()) {
      if (state !== 'released' && expiresAt > now) usage[state] += 1
    }
    return usage
  }

  #set(lease: Lease6): Lease6 {
    this.#leases.set(lease.address, lease)
    return lease
  }

  #candidate(identity: Mac, probe: number): Ipv6 {
    const id = hash('sha256', `${identity} ${probe}`, 'buffer').subarray(0, 8)
    return ipv6FromBytes(Buffer.concat([ipv6Bytes(this.#subnet.subnet.network).subarray(0, 8), id]))
  }

  #hasRoom(now: number): boolean {
    if (this.#leases.size < this.#limit) return true
    if (now - this.#sweptAt < SWEEP_MS) return false
    this.#sweptAt = now
    for (const [address, { expiresAt }] of this.#leases) if (expiresAt <= now) this.#leases.delete(address)
    return this.#leases.size < this.#limit
  }
}
