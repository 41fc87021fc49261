import t from 'tap'
import type { Lease6 } from '../../../server/dhcp6/leases.ts'
import { StoredLeases6 } from '../../../server/state/leases6.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'

function lease(address: string, facts: Partial<Lease6> = {}): Lease6 {
  const mac = '52:54:00:00:00:01'
  return { address, identity: mac, duid: '0003', state: 'bound', expiresAt: 100, updatedAt: 1, ...facts }
}

t.test('the last word for each address is kept', async (t) => {
  const leases = new StoredLeases6(await memoryDatabase(t))
  await leases.save([lease('fd00::1'), lease('fd00::2'), lease('fd00::1', { state: 'released' })])
  await leases.save([lease('fd00::2', { expiresAt: 200 })])
  t.same(await leases.load(), [lease('fd00::1', { state: 'released' }), lease('fd00::2', { expiresAt: 200 })])
})

t.test('what is to be forgotten is gone, and what comes after it is there', async (t) => {
  const leases = new StoredLeases6(await memoryDatabase(t))
  const forgotten = (address: string) => ({ address, state: 'forgotten' }) as const
  await leases.save([lease('fd00::1'), lease('fd00::2')])
  await leases.save([forgotten('fd00::1'), forgotten('fd00::2'), forgotten('fd00::3'), lease('fd00::2')])
  t.same(await leases.load(), [lease('fd00::2')])
})

t.test('what was over long ago is forgotten', async (t) => {
  const leases = new StoredLeases6(await memoryDatabase(t))
  await leases.save([lease('fd00::1'), lease('fd00::2', { expiresAt: 200 })])
  await leases.prune(200)
  t.same(
    (await leases.load()).map(({ address }) => address),
    ['fd00::2']
  )
})

t.test('a refusal of the disk is one of the store', async (t) => {
  const database = await memoryDatabase(t)
  const leases = new StoredLeases6(database)
  await breakWrites(database, 'leases6')
  await t.rejects(leases.save([lease('fd00::1')]))
})

t.test('the server’s DUID is made once', async (t) => {
  const database = await memoryDatabase(t)
  const made = Buffer.from('0004aa', 'hex')
  t.same(await new StoredLeases6(database).serverId(() => made), made)
  t.same(await new StoredLeases6(database).serverId(() => Buffer.from('0004bb', 'hex')), made)
})
