import t from 'tap'
import type { Lease } from '../../../server/dhcp/leases.ts'
import { StoredLeases } from '../../../server/state/leases.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'

function lease(address: number, facts: Partial<Lease> = {}): Lease {
  return {
    address,
    mac: '52:54:00:00:00:01',
    clientId: undefined,
    hostname: undefined,
    state: 'bound',
    expiresAt: 2_000,
    updatedAt: 1_000,
    pool: 'lab',
    ...facts
  }
}

t.test('what is saved is loaded, by address', async (t) => {
  const database = await memoryDatabase(t)
  const leases = new StoredLeases(database)
  t.same(await leases.load(), [])
  const high = lease(0xffffffff, { clientId: '01525400000001', hostname: 'ws-01', state: 'declined' })
  await leases.save([high, lease(1)])
  t.same(await new StoredLeases(database).load(), [lease(1), high])
})

t.test('an address has one lease: the last word', async (t) => {
  const leases = new StoredLeases(await memoryDatabase(t))
  const last = lease(1, {
    mac: '52:54:00:00:00:02',
    hostname: 'x',
    state: 'released',
    expiresAt: 9,
    updatedAt: 8,
    pool: 'p'
  })
  await leases.save([lease(1, { clientId: 'ff' }), last])
  t.same(await leases.load(), [last])
  await Promise.all([leases.save([lease(1)]), leases.save([lease(1, { expiresAt: 5 })])])
  t.same(await leases.load(), [lease(1, { expiresAt: 5 })])
})

t.test('any number of them, in statements of many rows: each is saved whole, and the last word counts', async (t) => {
  for (const count of [3, 4, 5, 15, 16, 17, 21, 37]) {
    const leases = new StoredLeases(await memoryDatabase(t))
    const each = Array.from({ length: count }, (_, i) =>
      lease(i + 1, { mac: `52:54:00:00:00:${10 + i}`, updatedAt: i })
    )
    await leases.save([lease(count), ...each])
    t.same(await leases.load(), each)
  }
})

t.test('what is saved at the same time shares one transaction', async (t) => {
  const database = await memoryDatabase(t)
  let transactions = 0
  const counted = new Proxy(database, {
    get(target, name) {
      if (name === 'transaction') transactions += 1
      const member = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
  const leases = new StoredLeases(counted)
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => leases.save([lease(i)])))
  t.equal((await leases.load()).length, 1_000)
  t.equal(transactions, 1)
})

t.test('a save that fails says so to each of its callers, leaves nothing, and the next one goes on', async (t) => {
  const database = await memoryDatabase(t)
  const leases = new StoredLeases(database)
  const mend = await breakWrites(database, 'leases')
  const results = await Promise.allSettled([leases.save([lease(1)]), leases.save([lease(2)])])
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'rejected']
  )
  await mend()
  t.same(await leases.load(), [])
  await leases.save([lease(3)])
  t.same(await leases.load(), [lease(3)])
})

t.test('forgetting', async (t) => {
  const leases = new StoredLeases(await memoryDatabase(t))
  await leases.save([lease(1), lease(2)])
  await leases.remove(1)
  await leases.remove(7)
  t.same(await leases.load(), [lease(2)])
})

t.test('saving nothing is fine', async (t) => {
  await t.resolves(new StoredLeases(await memoryDatabase(t)).save([]))
})

t.test('the clock was set: what was saved before moves, what is saved after does not', async (t) => {
  const leases = new StoredLeases(await memoryDatabase(t))
  await leases.save([lease(1)])
  await Promise.all([leases.save([lease(2)]), leases.shift(-500), leases.save([lease(3)])])
  t.match(await leases.load(), [
    { address: 1, expiresAt: 1_500, updatedAt: 500 },
    { address: 2, expiresAt: 1_500, updatedAt: 500 },
    { address: 3, expiresAt: 2_000, updatedAt: 1_000 }
  ])
})
