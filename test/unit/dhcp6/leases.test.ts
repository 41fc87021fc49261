import t from 'tap'
import { SubnetLeases6 } from '../../../server/dhcp6/leases.ts'
import { contains6 } from '../../../server/net/ipv6.ts'

const SUBNET = { subnet: { network: 'fd00:77::', prefix: 64 }, leaseSeconds: 100, dns: [] }
const OTHERS = () => false
const MAC = '52:54:00:00:00:01'
const SECOND = '52:54:00:00:00:02'

t.test('a machine has one address of its own, whoever forgets it', async (t) => {
  const leases = new SubnetLeases6(SUBNET)
  const address = leases.addressFor(MAC, OTHERS, 0) ?? ''
  t.ok(contains6(SUBNET.subnet, address))
  t.equal(leases.addressFor(MAC, OTHERS, 0), address)
  t.not(leases.addressFor(SECOND, OTHERS, 0), address)
  t.equal(new SubnetLeases6(SUBNET).addressFor(MAC, OTHERS, 0), address)
  const [lease, ...forgotten] = leases.bind(MAC, '0003', address, 5)
  t.same(forgotten, [])
  t.same(lease, { address, identity: MAC, duid: '0003', state: 'bound', expiresAt: 100_005, updatedAt: 5 })
  t.equal(leases.addressFor(MAC, OTHERS, 50_000), address)
})

t.test('nobody gets what is ours, what somebody else has, or what somebody strange uses', async (t) => {
  const leases = new SubnetLeases6(SUBNET)
  const first = leases.addressFor(MAC, OTHERS, 0) ?? ''
  const second = leases.addressFor(MAC, (address) => address === first, 0) ?? ''
  t.not(second, first, 'ours')

  leases.restore([{ address: first, identity: SECOND, duid: '', state: 'bound', expiresAt: 1000, updatedAt: 0 }])
  t.equal(leases.addressFor(MAC, OTHERS, 0), second, "somebody else's")
  t.equal(leases.addressFor(MAC, OTHERS, 1000), first, 'until that is over')

  leases.bind(MAC, '', first, 1000)
  t.match(leases.end(MAC, first, 'declined', 2000), { state: 'declined', expiresAt: 602_000 })
  t.equal(leases.addressFor(MAC, OTHERS, 3000), second, 'declined')
  t.equal(leases.addressFor(MAC, OTHERS, 602_000), first, 'ten minutes later')
})

t.test('only its holder ends a lease, and once', async (t) => {
  const leases = new SubnetLeases6(SUBNET)
  const address = leases.addressFor(MAC, OTHERS, 0) ?? ''
  t.equal(leases.end(MAC, address, 'released', 0), undefined)
  leases.bind(MAC, '', address, 0)
  t.equal(leases.end(SECOND, address, 'released', 1), undefined)
  t.match(leases.end(MAC, address, 'released', 2), { state: 'released', expiresAt: 2 })
  t.equal(leases.end(MAC, address, 'released', 3), undefined)
  t.equal(leases.addressFor(MAC, OTHERS, 3), address)
})

t.test('who had the latest lease of an address is known', async (t) => {
  const leases = new SubnetLeases6(SUBNET)
  const address = leases.addressFor(MAC, OTHERS, 0) ?? ''
  t.equal(leases.latestLease(address, 0), undefined)
  leases.bind(MAC, '', address, 0)
  t.same(leases.latestLease(address, 99_999), { identity: MAC, isOver: false })
  t.same(leases.latestLease(address, 100_000), { identity: MAC, isOver: true })
  leases.bind(MAC, '', address, 0)
  leases.end(MAC, address, 'released', 5)
  t.same(leases.latestLease(address, 6), { identity: MAC, isOver: true })
})

t.test('restoring takes what is of this subnet', async (t) => {
  const leases = new SubnetLeases6(SUBNET, 1)
  const row = { identity: SECOND, duid: '', state: 'bound', expiresAt: 1000, updatedAt: 0 } as const
  leases.restore([{ ...row, address: 'fd00:78::1' }])
  t.equal(leases.usage(0).bound, 0)
})

/** Asks and takes; answers with the addresses that were forgotten for it. */
function take(leases: SubnetLeases6, identity: string, now: number): string[] {
  const [, ...forgotten] = leases.bind(identity, '', leases.addressFor(identity, OTHERS, now) ?? '', now)
  return forgotten.map(({ address }) => address)
}

t.test('in a full table a newcomer takes the place of who asked once, the longest ago', async (t) => {
  const leases = new SubnetLeases6(SUBNET, 3)
  const address = (identity: string) => leases.addressFor(identity, OTHERS, 0) ?? ''
  for (const [now, identity] of ['a', 'b', 'a', 'c'].entries()) t.same(take(leases, identity, now), [])
  t.same(take(leases, 'd', 4), [address('b')], 'not a, who came back')
  t.same([leases.holds('a', 5), leases.holds('b', 5), leases.holds('d', 5)], [true, false, true])
  t.same(take(leases, 'b', 6), [address('c')], 'who is forgotten has a lease again')
  leases.end('a', address('a'), 'released', 7)
  t.same(take(leases, 'd', 8), [])
  t.same(take(leases, 'e', 9), [address('b')])
  t.same(take(leases, 'f', 10), [address('a')], 'what was given back takes its turn')
})

t.test('where all came back, what is over goes first, then the longest unheard', async (t) => {
  const leases = new SubnetLeases6(SUBNET, 2)
  const address = (identity: string) => leases.addressFor(identity, OTHERS, 0) ?? ''
  for (const identity of ['a', 'a', 'b', 'b']) take(leases, identity, 0)
  t.same(take(leases, 'c', 1), [address('a')])
  take(leases, 'c', 2)
  t.same(take(leases, 'd', 100_000), [address('b')], 'which is over')
  t.same(take(leases, 'e', 100_001), [address('d')], 'who asked once, and not c')
  t.same(take(leases, 'f', 100_002), [address('c')], 'which is over by now')
})

t.test(
  'what comes from the store counts as come back, the oldest first, and no more of it than there may be',
  async (t) => {
    const leases = new SubnetLeases6(SUBNET, 2)
    const row = { duid: '', state: 'bound', expiresAt: 1000 } as const
    const rows = ['a', 'b', 'c'].map((identity, i) => {
      return { ...row, identity, address: leases.addressFor(identity, OTHERS, 0) ?? '', updatedAt: 3 - i }
    })
    leases.restore(rows)
    t.same(take(leases, 'd', 4), [rows[2]?.address, rows[1]?.address])
    t.equal(leases.holds('a', 5), true)
  }
)

t.test('invented machines fill the table over and over; who boots among them is served, and stays known', async (t) => {
  const LIMIT = 100
  const leases = new SubnetLeases6(SUBNET, LIMIT)
  const address = leases.addressFor(MAC, OTHERS, 0)
  take(leases, MAC, 0) // firmware
  take(leases, MAC, 1) // loader
  let onDisk = 1
  for (let n = 0; n < 10 * LIMIT; n += 1) {
    const forgotten = take(leases, `invented ${n}`, 2)
    onDisk += 1 - forgotten.length
    if (n % LIMIT > 0) continue
    t.equal(leases.holds(MAC, 3), true)
    t.equal(leases.addressFor(MAC, OTHERS, 3), address)
    const newcomer = `newcomer ${n}`
    onDisk += 1 - take(leases, newcomer, 3).length
    onDisk -= take(leases, newcomer, 3).length
    t.equal(leases.holds(newcomer, 3), true, 'a machine that is switched on meanwhile, too')
  }
  t.equal(onDisk, LIMIT)
  t.equal(leases.usage(3).bound, LIMIT)
})

t.test('who holds a lease is known until it is over, at its second address too', async (t) => {
  const leases = new SubnetLeases6(SUBNET)
  const bind = (now: number) => leases.bind(MAC, '', leases.addressFor(MAC, OTHERS, now) ?? '', now)
  t.equal(leases.holds(MAC, 0), false)
  const [{ address }] = bind(0)
  t.same([leases.holds(MAC, 99_999), leases.holds(MAC, 100_000)], [true, false])
  t.equal(leases.holds(SECOND, 0), false)
  leases.end(MAC, address, 'declined', 1)
  t.equal(leases.holds(MAC, 2), false)
  t.not(bind(2)[0].address, address)
  t.equal(leases.holds(MAC, 3), true)
})

t.test('how many are taken: not those that are over or were given back', async (t) => {
  const leases = new SubnetLeases6(SUBNET, 9)
  for (const [i, mac] of [MAC, SECOND, '52:54:00:00:00:03', '52:54:00:00:00:04'].entries()) {
    const address = leases.addressFor(mac, OTHERS, 0) ?? ''
    leases.bind(mac, '', address, i * 1000)
    if (i === 2) leases.end(mac, address, 'released', 3000)
    if (i === 3) leases.end(mac, address, 'declined', 3000)
  }
  t.same(leases.usage(99_999), { size: 9, bound: 2, declined: 1 })
  t.same(leases.usage(100_000), { size: 9, bound: 1, declined: 1 })
})
