// Whatever clients do in whatever order, and whenever the server dies: one address is never leased to two machines.
import fc from 'fast-check'
import t from 'tap'
import { type Claimant, type Lease, SubnetLeases } from '../../server/dhcp/leases.ts'
import { DHCP_DEFAULTS, type Reservations } from '../../server/dhcp/settings.ts'
import type { Ipv4 } from '../../server/net/ipv4.ts'
import { addr, roomOf } from '../support/dhcp-packets.ts'

const BASE = addr('192.168.77.100')
const MACHINES = 8
/** Few enough offers that some are made again while they are open. */
const SETTINGS = {
  offerMs: 60_000,
  quarantineMs: 600_000,
  limits: { ...DHCP_DEFAULTS.limits, offersPerSubnet: 2 }
}
const identityOf = (machine: number): string => `52:54:00:00:00:0${machine}`

type Asked = 'offer' | 'request' | 'request-unsaved' | 'release' | 'decline'

type Step =
  | {
      readonly kind: Asked | 'reserve'
      readonly machine: number
      readonly offset: number
    }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'crash' }
  | { readonly kind: 'crash-before-save'; readonly machine: number; readonly offset: number }

const machine = fc.nat({ max: MACHINES - 1 })
const offset = fc.nat({ max: 5 })
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constantFrom('offer', 'request', 'request-unsaved', 'release', 'decline', 'reserve'),
        machine,
        offset
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('wait'),
        ms: fc.constantFrom(1, 30_000, 60_000, 600_000, 1_800_000, 3_600_000)
      })
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash-before-save'), machine, offset }) }
  ),
  { minLength: 1, maxLength: 120 }
)

/** Undefined: what the subnet says. */
const LEASE_SECONDS = [undefined, 60, 86_400]

class World {
  readonly #disk = new Map<Ipv4, Lease>()
  /** What clients believe, because an ACK reached them. */
  readonly #believed = new Map<Ipv4, { identity: string; until: number }>()
  readonly #reserved = new Map<string, Ipv4>()
  #now = Date.UTC(2026, 0, 1)
  #leases = this.#boot()

  play(step: Step): void {
    switch (step.kind) {
      case 'wait':
        this.#now += step.ms
        return
      case 'crash':
        this.#leases = this.#boot()
        return
      case 'crash-before-save':
        this.#leases.bind(this.#who(step.machine), BASE + step.offset, this.#now)
        this.#leases = this.#boot()
        return
      case 'reserve':
        this.#reserve(identityOf(step.machine), BASE + step.offset)
        return
      default:
        this.#ask(step.kind, this.#who(step.machine), BASE + step.offset)
    }
  }

  #ask(kind: Asked, who: Claimant, address: Ipv4): void {
    if (kind === 'offer') {
      const offered = this.#leases.offer(who, address, this.#now)
      if (offered !== undefined) this.#mustBeFreeFor(who.identity, offered)
      return
    }
    if (kind === 'request') {
      const lease = this.#leases.bind(who, address, this.#now)
      if (!lease) return
      this.#mustBeFreeFor(who.identity, address)
      this.#save(lease)
      this.#believed.set(address, { identity: who.identity, until: lease.expiresAt })
      return
    }
    if (kind === 'request-unsaved') {
      if (!this.#leases.bind(who, address, this.#now)) return
      const until = this.#now + this.#leases.promisedMs(who.identity, address, this.#now)
      if (until === this.#now) return // no answer
      this.#mustBeFreeFor(who.identity, address)
      this.#believed.set(address, { identity: who.identity, until })
      return
    }
    if (this.#believed.get(address)?.identity === who.identity) this.#believed.delete(address)
    const lease = this.#leases[kind](who, address, this.#now)
    if (lease) this.#save(lease)
  }

  #save(lease: Lease): void {
    this.#disk.set(lease.address, lease)
    this.#leases.saved(lease)
  }

  #mustBeFreeFor(identity: string, address: Ipv4): void {
    const holder = this.#believed.get(address)
    if (holder && holder.identity !== identity && holder.until > this.#now) throw new Error('leased to two machines')
    const owner = this.#reservations().reservedFor(address)
    if (owner !== undefined && owner !== identity) throw new Error('a reserved address went to somebody else')
  }

  #who(machine: number): Claimant {
    return {
      identity: identityOf(machine),
      clientId: undefined,
      hostname: undefined,
      leaseSeconds: LEASE_SECONDS[machine % 3]
    }
  }

  #reserve(identity: string, address: Ipv4): void {
    const taken = [...this.#reserved].find(([, other]) => other === address)
    if (taken) this.#reserved.delete(taken[0])
    this.#reserved.set(identity, address)
  }

  #reservations(): Reservations {
    return {
      reservation: (mac) => this.#reserved.get(mac),
      reservedFor: (address) => [...this.#reserved].find(([, other]) => other === address)?.[0],
      hostname: () => undefined
    }
  }

  #boot(): SubnetLeases {
    const pools = [{ from: BASE, to: BASE + 3 }]
    const leases = new SubnetLeases(roomOf({ pools }), SETTINGS, this.#reservations())
    leases.restore([...this.#disk.values()], this.#now)
    return leases
  }
}

t.test('no address is leased to two machines, through any sequence of requests, waits and crashes', async (t) => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const world = new World()
      for (const step of sequence) world.play(step)
    }),
    { numRuns: 3000 }
  )
  t.pass()
})
