// The lease machine: who holds which address until when. Pure: `now` comes in, leases to save go out, nothing waits.
// Every call costs O(1), averaged: no packet walks a pool, however full it is or whoever is asking.
import type { LatestLease } from '../boot/lease-change.ts'
import { hash } from '../net/hash.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import { AddressSpace } from './address-space.ts'
import { DueQueue, type Queued } from './due-queue.ts'
import type { DhcpConfig, DhcpSubnet, Reservations } from './settings.ts'

/** What is kept on disk of one address. */
export interface Lease {
  readonly address: Ipv4
  /** For hardware without a MAC (IPoIB) the identity that stands for it. */
  readonly mac: Mac
  /** Option 61, in hexadecimal: told to people, never used as the key. */
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  /** `declined`: `mac` found it in use by somebody else, and it rests until `expiresAt`. */
  readonly state: 'bound' | 'declined' | 'released'
  /** ms since 1970 */
  readonly expiresAt: number
  /** ms since 1970 */
  readonly updatedAt: number
  /** `192.168.77.100-192.168.77.200`, or `reservation`. */
  readonly pool: string
}

export interface LeaseStore {
  /** Resolves when all of them are on disk, the last word for each address. Rejects when that is not certain. */
  save(leases: readonly Lease[]): Promise<void>
  /** Moves all moments of what was saved before, for the clock was set. */
  shift(ms: number): Promise<void>
}

/** Who wants an address. */
export interface Claimant {
  /** One machine, whatever client-id its firmware, loader and system send. */
  readonly identity: Mac
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  /** How long it may keep it; undefined: as long as the subnet says. */
  readonly leaseSeconds?: number | undefined
}

/** How many addresses. */
export interface Usage {
  /** In the pools; what is taken may lie outside of them, as reservations do. */
  readonly size: number
  readonly offered: number
  readonly bound: number
  readonly declined: number
}

interface Holding extends Queued<Holding> {
  readonly address: Ipv4
  /** Its present holder, or the last one, for whom it is kept as long as nobody else needs it. */
  identity: Mac | undefined
  state: 'offered' | 'bound' | 'declined' | 'free'
  /** Nobody else gets it before. */
  until: number
  /** What its client was promised, while `bound`. */
  expiresAt: number
  /** Who has, or had, the latest lease that is on disk, whoever was offered the address since. */
  savedFor: Mac | undefined
  /** Until when that was promised; 0: to nobody any more. */
  savedUntil: number
  /** It was offered to others before, whose offers were not over: the first to ask for it gets it. */
  contested: boolean
}

// A machine gets the address that its MAC hashes to, or one just after it: the same one even when all leases are lost.
const PROBES = 8
// Candidates looked at for one packet; the next packet goes on behind them.
const MAX_CANDIDATES = 64

type LeaseSettings = Pick<DhcpConfig, 'offerMs' | 'quarantineMs' | 'limits'>

/** The leases of one subnet. */
export class SubnetLeases {
  readonly #space: AddressSpace
  readonly #leaseMs: number
  readonly #settings: LeaseSettings
  readonly #reservations: Reservations
  readonly #holdings = new Map<Ipv4, Holding>()
  readonly #current = new Map<Mac, Holding>()
  // One queue for each length of time, so that each is in order by itself.
  readonly #offered = new DueQueue<Holding>()
  readonly #bound = new Map<number, DueQueue<Holding>>()
  readonly #declined = new DueQueue<Holding>()
  readonly #restored = new DueQueue<Holding>()
  readonly #timed = [this.#offered, this.#declined, this.#restored]
  readonly #free = new DueQueue<Holding>()

  constructor(subnet: DhcpSubnet, settings: LeaseSettings, reservations: Reservations) {
    this.#space = new AddressSpace(subnet)
    this.#leaseMs = subnet.leaseSeconds * 1000
    this.#settings = settings
    this.#reservations = reservations
  }

  /** Once, before the first packet: what the store has, in any order. */
  restore(leases: readonly Lease[], now: number): void {
    const ours = leases.filter((lease) => this.#space.inSubnet(lease.address)).map((lease) => notLonger(lease, now))
    for (const lease of ours.toSorted((a, b) => a.expiresAt - b.expiresAt)) {
      const holding = this.#hold(lease.address)
      const over = lease.state === 'released' || lease.expiresAt <= now
      holding.state = over ? 'free' : lease.state === 'declined' ? 'declined' : 'bound'
      holding.until = holding.expiresAt = lease.expiresAt
      if (lease.state !== 'declined') holding.identity = lease.mac
      this.saved(lease)
      const queue = over ? this.#free : this.#restored
      queue.push(holding)
    }
    for (const lease of ours.toSorted((a, b) => a.updatedAt - b.updatedAt)) {
      const holding = this.#holdings.get(lease.address)
      if (holding && lease.state !== 'declined') this.#current.set(lease.mac, holding)
    }
  }

  /** The clock was set by so many ms: everybody keeps the time that is left. */
  shift(ms: number): void {
    for (const holding of this.#holdings.values()) {
      holding.until += ms
      holding.expiresAt += ms
      holding.savedUntil += ms
    }
  }

  /** An address that turned out to be ours: never a client's. */
  exclude(address: Ipv4): void {
    this.#space.exclude(address)
  }

  /** Has it a lease, or an offer? */
  holds(identity: Mac): boolean {
    const holding = this.#current.get(identity)
    return holding !== undefined && holding.state !== 'free'
  }

  inSubnet(address: Ipv4): boolean {
    return this.#space.inSubnet(address)
  }

  /** What was returned to be saved is on disk now. */
  saved({ address, mac, state, expiresAt }: Lease): void {
    const holding = this.#holdings.get(address)
    if (!holding) return
    // The same text, and no second copy of it to keep.
    holding.savedFor = mac === holding.identity ? holding.identity : mac
    holding.savedUntil = state === 'bound' ? expiresAt : 0
  }

  /** As it is on disk. */
  latestLease(address: Ipv4, now: number): LatestLease | undefined {
    const holding = this.#holdings.get(address)
    if (holding?.savedFor === undefined) return undefined
    return { identity: holding.savedFor, isOver: now >= holding.savedUntil }
  }

  /** How much is left of the lease that is on disk, if this client has the address: it needs no saving. In ms. */
  promisedMs(identity: Mac, address: Ipv4, now: number): number {
    const holding = this.#holdings.get(address)
    if (holding?.identity !== identity || holding.savedFor !== identity || holding.state !== 'bound') return 0
    return Math.max(0, holding.savedUntil - now)
  }

  /** An address held for this client for a while; undefined when there is none. */
  offer(who: Claimant, wanted: Ipv4 | undefined, now: number): Ipv4 | undefined {
    this.#expire(now)
    const address = this.#choose(who.identity, wanted, now)
    if (address === undefined) return undefined
    const holding = this.#hold(address)
    this.#claim(holding, who.identity)
    const until = now + this.#settings.offerMs
    if (holding.state === 'bound' && holding.until >= until) return address
    if (holding.state !== 'bound') holding.state = 'offered'
    holding.until = until
    this.#offered.push(holding)
    return address
  }

  /** The lease to save before the ACK leaves; undefined when this client may not have this address. */
  bind(who: Claimant, address: Ipv4, now: number): Lease | undefined {
    this.#expire(now)
    if (!this.#mayBind(who.identity, address, now)) return undefined
    const holding = this.#hold(address)
    this.#claim(holding, who.identity)
    holding.state = 'bound'
    holding.contested = false
    const leaseMs = who.leaseSeconds === undefined ? this.#leaseMs : who.leaseSeconds * 1000
    holding.until = holding.expiresAt = now + leaseMs
    this.#boundFor(leaseMs).push(holding)
    return this.#lease(who, address, 'bound', holding.expiresAt, now)
  }

  /** The client lets go of its lease. Undefined when it never had it: nothing to save. */
  release(who: Claimant, address: Ipv4, now: number): Lease | undefined {
    const holding = this.#holdings.get(address)
    if (holding?.identity !== who.identity || holding.state !== 'bound') return undefined
    this.#setFree(holding, now)
    holding.savedUntil = 0 // whatever becomes of saving that
    return this.#lease(who, address, 'released', now, now)
  }

  /** The client found its address in use: nobody gets it for a while. Undefined when it was not the client's. */
  decline(who: Claimant, address: Ipv4, now: number): Lease | undefined {
    const holding = this.#holdings.get(address)
    if (holding?.identity !== who.identity || holding.state === 'free') return undefined
    this.#disown(holding)
    holding.savedUntil = 0
    holding.state = 'declined'
    holding.contested = false
    holding.until = now + this.#settings.quarantineMs
    this.#declined.push(holding)
    return this.#lease(who, address, 'declined', holding.until, now)
  }

  /** The client took another server's offer, so ours is void. */
  withdraw(identity: Mac, now: number): void {
    const holding = this.#current.get(identity)
    if (holding?.state === 'offered') this.#setFree(holding, now)
  }

  /** An administrator takes the lease away; its holder hears of it when it renews. */
  revoke(address: Ipv4, now: number): Lease | undefined {
    const holding = this.#holdings.get(address)
    if (holding?.identity === undefined) return undefined
    const who = { identity: holding.identity, clientId: undefined, hostname: undefined }
    this.#disown(holding)
    this.#setFree(holding, now)
    holding.savedUntil = 0
    return this.#lease(who, address, 'released', now, now)
  }

  /** Expired offers and leases count as free only after the next packet. */
  usage(): Usage {
    const usage = { size: this.#space.size, offered: 0, bound: 0, declined: 0 }
    for (const { state } of this.#holdings.values()) if (state !== 'free') usage[state] += 1
    return usage
  }

  /** RFC 2131 §4.3.1: its reservation, else what it has or had, else what it asks for, else any that is free. */
  #choose(identity: Mac, wanted: Ipv4 | undefined, now: number): Ipv4 | undefined {
    const reserved = this.#reservations.reservation(identity)
    if (reserved !== undefined && this.#mayHold(identity, reserved, now)) return reserved
    const present = this.#current.get(identity)
    if (present && this.#mayHold(identity, present.address, now)) return present.address
    if (this.#offered.size >= this.#settings.limits.offersPerSubnet) return this.#oldestOffer(identity)
    if (wanted !== undefined && !this.#holdings.has(wanted) && this.#mayHold(identity, wanted, now)) return wanted
    return (
      this.#hashed(identity) ?? this.#unused(identity) ?? this.#longestFree(identity) ?? this.#oldestOffer(identity)
    )
  }

  /**
   * One that somebody was offered and did not ask for yet. Whoever invents machines to take a pool away gets no further
   * than offers: they keep nobody from being offered the same address, and the first to ask for it gets it. What known
   * hosts were offered stays theirs.
   */
  #oldestOffer(identity: Mac): Ipv4 | undefined {
    let holding = this.#offered.first
    for (let candidates = 0; holding && candidates < MAX_CANDIDATES; candidates += 1) {
      if (holding.state === 'offered' && this.#isFor(identity, holding.address) && !this.#isHost(holding.identity)) {
        holding.contested = true
        return holding.address
      }
      holding = holding.after
    }
    return undefined
  }

  #hashed(identity: Mac): Ipv4 | undefined {
    const start = hash(identity)
    for (let i = 0; i < PROBES; i += 1) {
      const address = this.#space.at(start + i)
      if (address === undefined) return undefined
      if (!this.#holdings.has(address) && this.#isFor(identity, address)) return address
    }
    return undefined
  }

  /** One that nobody ever had. Those that are set aside for somebody join the free ones: that may change. */
  #unused(identity: Mac): Ipv4 | undefined {
    for (let candidates = 0; candidates < MAX_CANDIDATES; ) {
      const address = this.#space.next()
      if (address === undefined) return undefined
      if (this.#holdings.has(address) || !this.#space.usable(address)) continue
      if (this.#isFor(identity, address)) return address
      this.#free.push(this.#hold(address))
      candidates += 1
    }
    return undefined
  }

  #longestFree(identity: Mac): Ipv4 | undefined {
    for (let candidates = Math.min(MAX_CANDIDATES, this.#free.size); candidates > 0; candidates -= 1) {
      const holding = this.#free.first
      if (!holding) return undefined
      if (this.#isFor(identity, holding.address)) return holding.address
      this.#free.push(holding)
    }
    return undefined
  }

  #isHost(identity: Mac | undefined): boolean {
    return identity !== undefined && this.#reservations.hostname(identity) !== undefined
  }

  #mayBind(identity: Mac, address: Ipv4, now: number): boolean {
    if (this.#mayHold(identity, address, now)) return true
    const isContested = this.#holdings.get(address)?.contested ?? false
    return isContested && this.#isFor(identity, address)
  }

  #mayHold(identity: Mac, address: Ipv4, now: number): boolean {
    if (!this.#isFor(identity, address)) return false
    const holding = this.#holdings.get(address)
    if (!holding || now >= holding.until) return true
    return holding.identity === identity
  }

  /** Apart from who holds it now: in a pool and reserved for nobody else, or reserved for this one. */
  #isFor(identity: Mac, address: Ipv4): boolean {
    const owner = this.#reservations.reservedFor(address)
    return owner === undefined ? this.#space.inPool(address) : owner === identity && this.#space.usable(address)
  }

  #hold(address: Ipv4): Holding {
    const known = this.#holdings.get(address)
    if (known) return known
    const holding: Holding = {
      address,
      identity: undefined,
      state: 'free',
      until: 0,
      expiresAt: 0,
      savedFor: undefined,
      savedUntil: 0,
      contested: false,
      queue: undefined,
      before: undefined,
      after: undefined
    }
    this.#holdings.set(address, holding)
    return holding
  }

  #claim(holding: Holding, identity: Mac): void {
    if (holding.identity !== identity) {
      this.#disown(holding)
      holding.identity = identity
      holding.state = 'free' // what the last holder had is over
    }
    this.#current.set(identity, holding)
  }

  #disown(holding: Holding): void {
    if (holding.identity !== undefined && this.#current.get(holding.identity) === holding) {
      this.#current.delete(holding.identity)
    }
    holding.identity = undefined
  }

  #boundFor(leaseMs: number): DueQueue<Holding> {
    const known = this.#bound.get(leaseMs)
    if (known) return known
    const queue = new DueQueue<Holding>()
    this.#bound.set(leaseMs, queue)
    this.#timed.push(queue)
    return queue
  }

  #setFree(holding: Holding, now: number): void {
    holding.state = 'free'
    holding.contested = false
    holding.until = now
    this.#free.push(holding)
  }

  #expire(now: number): void {
    for (const queue of this.#timed) {
      for (let due = queue.first; due && due.until <= now; due = queue.first) this.#setFree(due, due.until)
    }
  }

  #lease(who: Claimant, address: Ipv4, state: Lease['state'], expiresAt: number, now: number): Lease {
    return {
      address,
      mac: who.identity,
      clientId: who.clientId,
      hostname: who.hostname,
      state,
      expiresAt,
      updatedAt: now,
      pool: this.#space.poolName(address) ?? 'reservation'
    }
  }
}

/** The clock may have gone back while we were away: nobody was promised more than was left at the promise. */
function notLonger(lease: Lease, now: number): Lease {
  const longest = now + Math.max(0, lease.expiresAt - lease.updatedAt)
  return lease.expiresAt <= longest ? lease : { ...lease, expiresAt: longest }
}
