import t from 'tap'
import { type Claimant, type Lease, SubnetLeases } from '../../../server/dhcp/leases.ts'
import { DHCP_DEFAULTS, type DhcpSubnet, NO_RESERVATIONS, type Reservations } from '../../../server/dhcp/settings.ts'
import { formatIpv4 } from '../../../server/net/ipv4.ts'
import { addr, roomOf } from '../../support/dhcp-packets.ts'

const NOW = Date.UTC(2026, 0, 1)
const OFFER_MS = 60_000
const QUARANTINE_MS = 600_000
const LEASE_MS = 3_600_000

const A: Claimant = { identity: '52:54:00:00:00:0a', clientId: undefined, hostname: undefined }
const B: Claimant = { identity: '52:54:00:00:00:0b', clientId: undefined, hostname: undefined }
const nth = (i: number): Claimant => ({ ...A, identity: `52:54:00:00:01:${i.toString(16).padStart(2, '0')}` })

function machine(
  subnet: Partial<DhcpSubnet> = {},
  reservations: Reservations = NO_RESERVATIONS,
  offersPerSubnet = 100
): SubnetLeases {
  const limits = { ...DHCP_DEFAULTS.limits, offersPerSubnet }
  return new SubnetLeases(roomOf(subnet), { offerMs: OFFER_MS, quarantineMs: QUARANTINE_MS, limits }, reservations)
}

/** One address only. */
const tiny = { pools: [{ from: addr('192.168.77.100'), to: addr('192.168.77.100') }] }
const ONLY = addr('192.168.77.100')

function reserving(pairs: Readonly<Record<string, string>>): Reservations {
  const byMac = new Map(Object.entries(pairs).map(([mac, address]) => [mac, addr(address)]))
  const byAddress = new Map([...byMac].map(([mac, address]) => [address, mac]))
  return { ...NO_RESERVATIONS, reservation: (mac) => byMac.get(mac), reservedFor: (address) => byAddress.get(address) }
}

function offered(leases: SubnetLeases, who: Claimant, now = NOW, wanted?: number): number {
  const address = leases.offer(who, wanted, now)
  if (address === undefined) throw new Error('nothing was offered')
  return address
}

/** An offer, and the lease that comes of it. */
function taken(leases: SubnetLeases, who: Claimant): number | undefined {
  const address = leases.offer(who, undefined, NOW)
  return address === undefined ? undefined : leases.bind(who, address, NOW)?.address
}

t.test('an offer becomes a lease, which says all that is kept', async (t) => {
  const leases = machine()
  const who = { ...A, clientId: '01525400', hostname: 'pc1' }
  const address = offered(leases, who)
  t.same(leases.bind(who, address, NOW + 5), {
    address,
    mac: A.identity,
    clientId: '01525400',
    hostname: 'pc1',
    state: 'bound',
    expiresAt: NOW + 5 + LEASE_MS,
    updatedAt: NOW + 5,
    pool: '192.168.77.100-192.168.77.110'
  })
})

t.test('one machine gets one address, whatever client-id its stages send', async (t) => {
  const leases = machine()
  const ids = [undefined, '01525400000000', 'ff00112233', '00abcdef']
  const given = ids.map((clientId, i) => {
    const address = offered(leases, { ...A, clientId }, NOW + i)
    return leases.bind({ ...A, clientId }, address, NOW + i)?.address
  })
  t.equal(new Set(given).size, 1)
})

t.test('a machine gets the same address from an empty server as from a full one', async (t) => {
  const first = offered(machine({ pools: [{ from: addr('192.168.77.10'), to: addr('192.168.77.250') }] }), B)
  const again = machine({ pools: [{ from: addr('192.168.77.10'), to: addr('192.168.77.250') }] })
  offered(again, A)
  t.equal(offered(again, B), first)
})

t.test('an offer is kept for a minute, then somebody else may have it', async (t) => {
  const leases = machine(tiny)
  offered(leases, A)
  t.equal(leases.bind(B, ONLY, NOW + OFFER_MS - 1), undefined)
  t.equal(leases.offer(B, undefined, NOW + OFFER_MS), ONLY)
})

t.test('a lease is kept until it expires, and renewing moves that moment', async (t) => {
  const leases = machine(tiny)
  leases.bind(A, ONLY, NOW)
  leases.bind(A, ONLY, NOW + LEASE_MS / 2)
  t.equal(leases.offer(B, undefined, NOW + LEASE_MS), undefined)
  t.equal(leases.offer(B, undefined, NOW + LEASE_MS * 1.5), ONLY)
})

t.test('leases of different lengths end each in its own time', async (t) => {
  const leases = machine({ pools: [{ from: ONLY, to: ONLY + 1 }] })
  const day = { ...A, leaseSeconds: 86_400 }
  const minute = { ...B, leaseSeconds: 60 }
  const ofDay = offered(leases, day)
  t.equal(leases.bind(day, ofDay, NOW)?.expiresAt, NOW + 86_400_000)
  const ofMinute = offered(leases, minute)
  t.equal(leases.bind(minute, ofMinute, NOW)?.expiresAt, NOW + 60_000)
  t.equal(leases.offer(nth(1), undefined, NOW + 59_999), undefined)
  t.equal(leases.offer(nth(1), undefined, NOW + 60_000), ofMinute)
  leases.bind(nth(1), ofMinute, NOW + 60_000)
  t.equal(leases.offer(nth(2), undefined, NOW + 60_000 + LEASE_MS - 1), undefined)
  t.equal(leases.offer(nth(2), undefined, NOW + 60_000 + LEASE_MS), ofMinute)
})

t.test('a new offer never shortens a lease, and a lease that ends meanwhile is kept for the offer', async (t) => {
  const leases = machine(tiny)
  leases.bind(A, ONLY, NOW)
  offered(leases, A, NOW + 1)
  t.equal(leases.offer(B, undefined, NOW + LEASE_MS - 1), undefined)
  const late = NOW + LEASE_MS - 1000
  offered(leases, A, late)
  t.equal(leases.offer(B, undefined, late + OFFER_MS - 1), undefined)
  t.equal(leases.offer(B, undefined, late + OFFER_MS), ONLY)
})

t.test('who had the latest lease of an address is known, whoever was offered it since', async (t) => {
  const leases = machine(tiny)
  t.equal(leases.latestLease(ONLY, NOW), undefined)
  offered(leases, A)
  t.equal(leases.latestLease(ONLY, NOW), undefined, 'an offer is no lease')
  const lease = leases.bind(A, ONLY, NOW)
  t.equal(leases.latestLease(ONLY, NOW), undefined, 'nor is what is not on disk')
  if (lease) leases.saved(lease)
  t.same(leases.latestLease(ONLY, NOW + LEASE_MS - 1), { identity: A.identity, isOver: false })
  offered(leases, A, NOW + 1)
  t.same(leases.latestLease(ONLY, NOW + 1), { identity: A.identity, isOver: false }, 'asking again ends none')
  const over = { identity: A.identity, isOver: true }
  t.same(leases.latestLease(ONLY, NOW + LEASE_MS), over)
  offered(leases, B, NOW + LEASE_MS)
  t.same(leases.latestLease(ONLY, NOW + LEASE_MS), over)
  const again = machine(tiny)
  again.restore(lease ? [lease] : [], NOW)
  t.same(again.latestLease(ONLY, NOW), { identity: A.identity, isOver: false }, 'after a restart')
})

t.test('what is left of a lease on disk needs no saving, for its holder alone', async (t) => {
  const leases = machine(tiny)
  const lease = leases.bind(A, ONLY, NOW)
  t.equal(leases.promisedMs(A.identity, ONLY, NOW), 0, 'nothing is on disk')
  if (lease) leases.saved(lease)
  leases.bind(A, ONLY, NOW + 10)
  t.equal(leases.promisedMs(A.identity, ONLY, NOW + 10), LEASE_MS - 10, 'renewed in memory alone')
  t.equal(leases.promisedMs(B.identity, ONLY, NOW + 10), 0)
  leases.shift(1000)
  t.equal(leases.promisedMs(A.identity, ONLY, NOW + 1010), LEASE_MS - 10, 'after the clock was set')
  leases.release(A, ONLY, NOW + 1020)
  leases.bind(A, ONLY, NOW + 1020)
  t.equal(leases.promisedMs(A.identity, ONLY, NOW + 1020), 0, 'given back, though that may not be on disk')
})

t.test('what a machine had is kept for it while others can be served otherwise', async (t) => {
  const leases = machine()
  const address = offered(leases, A)
  leases.bind(A, address, NOW)
  leases.release(A, address, NOW + 1)
  const others = Array.from({ length: 10 }, (_, i) => offered(leases, nth(i), NOW + 2))
  t.notOk(others.includes(address))
  t.equal(offered(leases, A, NOW + 3), address)
})

t.test('the address that has been free for longest goes first', async (t) => {
  const leases = machine()
  const given = Array.from({ length: 11 }, (_, i) => offered(leases, nth(i)))
  for (const [i, address] of given.entries()) leases.bind(nth(i), address, NOW + i)
  leases.release(nth(4), given[4] ?? 0, NOW + 100)
  leases.release(nth(2), given[2] ?? 0, NOW + 200)
  t.same([offered(leases, A, NOW + 300), offered(leases, B, NOW + 300)], [given[4], given[2]])
})

t.test('every address of the pool is handed out once, and then none', async (t) => {
  const leases = machine()
  const given = Array.from({ length: 12 }, (_, i) => taken(leases, nth(i)))
  t.equal(new Set(given.slice(0, 11)).size, 11)
  t.equal(given[11], undefined)
})

t.test('a client gets the address that it asks for, when nobody ever had it', async (t) => {
  const leases = machine()
  const wanted = addr('192.168.77.107')
  t.equal(leases.offer(A, wanted, NOW), wanted)
  t.not(leases.offer(B, wanted, NOW), wanted)
  t.not(leases.offer(nth(1), addr('192.168.77.5'), NOW), addr('192.168.77.5'), 'outside the pools')
})

t.test('INIT-REBOOT: an address that is free, in the pool and asked for is bound at once', async (t) => {
  const cases: Record<string, { address: string; bound: boolean }> = {
    'in the pool': { address: '192.168.77.105', bound: true },
    'in the subnet, in no pool': { address: '192.168.77.20', bound: false },
    'the router': { address: '192.168.77.1', bound: false },
    'of another subnet': { address: '10.0.0.1', bound: false }
  }
  for (const [name, { address, bound }] of Object.entries(cases)) {
    t.equal(machine().bind(A, addr(address), NOW) !== undefined, bound, name)
  }
  const taken = machine()
  taken.bind(B, ONLY, NOW)
  t.equal(taken.bind(A, ONLY, NOW), undefined, 'somebody else’s')
})

t.test('D7: a declined address rests, and then is anybody’s', async (t) => {
  const leases = machine(tiny)
  leases.bind(A, ONLY, NOW)
  t.match(leases.decline(A, ONLY, NOW + 1), { state: 'declined', mac: A.identity, expiresAt: NOW + 1 + QUARANTINE_MS })
  t.equal(leases.offer(A, undefined, NOW + 2), undefined, 'not even for the one who found it in use')
  t.equal(leases.bind(A, ONLY, NOW + 2), undefined)
  t.equal(leases.offer(B, undefined, NOW + 1 + QUARANTINE_MS), ONLY)
})

t.test('nobody declines or releases what is not theirs', async (t) => {
  const leases = machine(tiny)
  leases.bind(A, ONLY, NOW)
  t.equal(leases.decline(B, ONLY, NOW), undefined)
  t.equal(leases.release(B, ONLY, NOW), undefined)
  t.equal(leases.release(A, addr('192.168.77.101'), NOW), undefined)
  t.equal(leases.offer(B, undefined, NOW), undefined)
  t.match(leases.release(A, ONLY, NOW + 9), { state: 'released', expiresAt: NOW + 9 })
  t.equal(leases.release(A, ONLY, NOW + 9), undefined, 'once is enough')
  t.equal(leases.offer(B, undefined, NOW + 10), ONLY)
})

t.test('a client that took another server’s offer sets ours free', async (t) => {
  const leases = machine(tiny)
  offered(leases, A)
  leases.withdraw(A.identity, NOW + 1)
  t.equal(leases.offer(B, undefined, NOW + 2), ONLY)
  leases.bind(B, ONLY, NOW + 3)
  leases.withdraw(B.identity, NOW + 4)
  t.equal(leases.offer(A, undefined, NOW + 5), undefined, 'but never a lease')
})

t.test('a lease that an administrator revokes is free', async (t) => {
  const leases = machine(tiny)
  leases.bind(A, ONLY, NOW)
  t.match(leases.revoke(ONLY, NOW + 1), { mac: A.identity, state: 'released' })
  t.equal(leases.revoke(ONLY, NOW + 1), undefined)
  t.equal(leases.offer(B, undefined, NOW + 2), ONLY)
})

t.test('reservations', async (t) => {
  const outside = '192.168.77.20'
  t.test('a machine gets its own, even outside the pools', async (t) => {
    const leases = machine({}, reserving({ [A.identity]: outside }))
    t.equal(offered(leases, A), addr(outside))
    t.match(leases.bind(A, addr(outside), NOW), { pool: 'reservation' })
    t.equal(leases.bind(B, addr(outside), NOW), undefined)
  })
  t.test('nobody else gets it, not when asked for, not when nothing else is left', async (t) => {
    const leases = machine(tiny, reserving({ [A.identity]: '192.168.77.100' }))
    t.equal(leases.offer(B, ONLY, NOW), undefined)
    t.equal(leases.offer(B, undefined, NOW), undefined)
    t.equal(leases.offer(A, undefined, NOW), ONLY)
  })
  t.test('one that is made while another machine is there waits until that one renews', async (t) => {
    const pairs: Record<string, string> = {}
    const reservations: Reservations = {
      ...NO_RESERVATIONS,
      reservation: (mac) => reserving(pairs).reservation(mac),
      reservedFor: (address) => reserving(pairs).reservedFor(address)
    }
    const leases = machine({}, reservations)
    const taken = offered(leases, B)
    leases.bind(B, taken, NOW)
    pairs[A.identity] = formatIpv4(taken)
    t.not(offered(leases, A, NOW + 1), taken)
    t.equal(leases.bind(B, taken, NOW + 2), undefined, 'renewal is refused')
    t.equal(offered(leases, A, NOW + LEASE_MS), taken)
  })
  t.test('one of another subnet does not count here', async (t) => {
    const leases = machine({}, reserving({ [A.identity]: '10.0.0.9' }))
    t.ok(leases.inSubnet(offered(leases, A)))
  })
  t.test('one that is lifted comes back into use', async (t) => {
    const pairs: Record<string, string> = { [A.identity]: '192.168.77.100' }
    const leases = machine(tiny, {
      ...NO_RESERVATIONS,
      reservation: (mac) => reserving(pairs).reservation(mac),
      reservedFor: (address) => reserving(pairs).reservedFor(address)
    })
    t.equal(leases.offer(B, undefined, NOW), undefined)
    delete pairs[A.identity]
    t.equal(leases.offer(B, undefined, NOW + 1), ONLY)
  })
})

t.test('after a restart everything stands as it was saved', async (t) => {
  const lease = (address: string, mac: string, state: Lease['state'], expiresAt: number): Lease => ({
    address: addr(address),
    mac,
    clientId: undefined,
    hostname: undefined,
    state,
    expiresAt,
    updatedAt: NOW,
    pool: ''
  })
  const leases = machine({ pools: [{ from: addr('192.168.77.100'), to: addr('192.168.77.103') }] })
  leases.restore(
    [
      lease('192.168.77.100', A.identity, 'bound', NOW + 1000),
      lease('192.168.77.101', B.identity, 'declined', NOW + 1000),
      lease('192.168.77.102', nth(2).identity, 'bound', NOW - 1),
      lease('192.168.77.103', nth(3).identity, 'released', NOW),
      lease('10.0.0.1', nth(4).identity, 'bound', NOW + 1000)
    ],
    NOW
  )
  t.same(leases.usage(), { size: 4, offered: 0, bound: 1, declined: 1 })
  t.equal(leases.bind(B, addr('192.168.77.100'), NOW), undefined, 'a lease that runs on')
  t.equal(taken(leases, nth(3)), addr('192.168.77.103'), 'what it had before')
  t.equal(taken(leases, nth(9)), addr('192.168.77.102'), 'the one that expired')
  t.equal(leases.offer(nth(8), undefined, NOW), undefined)
  t.equal(offered(leases, A, NOW + 500), addr('192.168.77.100'))
  t.equal(offered(leases, nth(8), NOW + 1000), addr('192.168.77.101'), 'rested')
})

t.test('a full pool costs no walk: ten thousand strangers are turned away at once', async (t) => {
  const pools = [{ from: addr('10.0.0.10'), to: addr('10.0.39.250') }]
  const leases = machine({ subnet: { network: addr('10.0.0.0'), prefix: 16 }, pools, router: undefined })
  const many = (i: number): Claimant => ({ ...A, identity: `id-${i}` })
  const size = leases.usage().size
  for (let i = 0; i < size; i += 1) leases.bind(many(i), offered(leases, many(i)), NOW)
  t.same(leases.usage(), { size, offered: 0, bound: size, declined: 0 })
  const start = performance.now()
  for (let i = 0; i < 10_000; i += 1) {
    if (leases.offer(many(size + i), undefined, NOW) !== undefined) t.fail('handed out twice')
  }
  t.ok(performance.now() - start < 2000, 'a walk for each would take minutes')
})

t.test('D9: offers are bounded; the oldest is made again, and the first to ask for the address gets it', async (t) => {
  const leases = machine({}, NO_RESERVATIONS, 5) // of eleven addresses
  const early = offered(leases, A)
  for (let i = 0; i < 100; i += 1) offered(leases, nth(i % 256), NOW + i)
  t.match(leases.usage(), { offered: 5, bound: 0 })
  t.equal(leases.bind(A, early, NOW + 4000)?.address, early, 'an honest machine’s offer still holds, seconds later')
  t.notOk(leases.holds(nth(0).identity), 'what was pushed out is forgotten')
  const late = offered(leases, B, NOW + 4001)
  t.not(late, early, 'a lease is never offered again')
  t.equal(leases.bind(B, late, NOW + 4002)?.address, late)
})

t.test('D9: a pool that is all on offer serves whoever asks for an address', async (t) => {
  const leases = machine(tiny)
  t.equal(offered(leases, A), ONLY)
  t.equal(offered(leases, B), ONLY, 'the same one')
  t.equal(leases.bind(A, ONLY, NOW)?.address, ONLY)
  t.equal(leases.bind(B, ONLY, NOW), undefined, 'which only one of them gets')
  t.equal(leases.offer(B, undefined, NOW), undefined)
})

t.test('D9: nobody takes an address that is on offer to one machine alone, nor one that is reserved', async (t) => {
  const leases = machine({}, reserving({ [B.identity]: '192.168.77.100' }))
  const address = offered(leases, A)
  t.equal(leases.bind(B, address, NOW), undefined)
  t.equal(offered(leases, B), addr('192.168.77.100'))
  for (let i = 0; i < 50; i += 1) t.not(offered(leases, nth(i)), addr('192.168.77.100'))
})

t.test(
  'D10: what a known host was offered is kept for it, for it may never ask: a Raspberry Pi 3 just boots',
  async (t) => {
    const hostname = (identity: string) => (identity === A.identity ? 'pi3' : undefined)
    const leases = machine(tiny, { ...NO_RESERVATIONS, hostname })
    t.equal(offered(leases, A), ONLY)
    t.equal(leases.offer(B, undefined, NOW + OFFER_MS - 1), undefined)
    t.equal(leases.offer(B, undefined, NOW + OFFER_MS), ONLY)
  }
)

t.test('the clock is set a day forward or back: everybody keeps what is left', async (t) => {
  const DAY = 86_400_000
  for (const step of [DAY, -DAY]) {
    const leases = machine(tiny)
    leases.bind(A, ONLY, NOW)
    leases.shift(step)
    t.equal(leases.bind(B, ONLY, NOW + step + LEASE_MS - 1), undefined)
    t.equal(leases.bind(B, ONLY, NOW + step + LEASE_MS)?.address, ONLY)
  }
})

t.test('the clock went back while the server was away: no lease lasts longer than it was given for', async (t) => {
  const DAY = 86_400_000
  const saved = machine(tiny).bind(A, ONLY, NOW)
  const leases = machine(tiny)
  leases.restore(saved ? [saved] : [], NOW - DAY)
  t.equal(leases.bind(B, ONLY, NOW - DAY + LEASE_MS - 1), undefined)
  t.equal(leases.bind(B, ONLY, NOW - DAY + LEASE_MS)?.address, ONLY)
})
