import t from 'tap'
import { LeaseWriter } from '../../../server/dhcp/lease-writer.ts'
import type { Lease, LeaseStore } from '../../../server/dhcp/leases.ts'
import { BrokenLeaseStore, HangingLeaseStore, MemoryLeaseStore } from '../../fakes/lease-store.ts'

const lease = (address: number): Lease => ({
  address,
  mac: '52:54:00:00:00:01',
  clientId: undefined,
  hostname: undefined,
  state: 'bound',
  expiresAt: 0,
  updatedAt: 0,
  pool: ''
})

function writing(store: LeaseStore) {
  const log: string[] = []
  const writer = new LeaseWriter({
    store,
    onFailure: (error) => log.push(`failed: ${error instanceof Error && error.message}`),
    onRecovery: () => log.push('recovered')
  })
  const save = (address: number) => writer.save(lease(address), (saved) => log.push(`${address} ${saved}`))
  return { log, writer, save }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

t.test('nothing is told before it is saved, and leases of one moment share a commit', async (t) => {
  const store = new MemoryLeaseStore()
  const { log, writer, save } = writing(store)
  for (const address of [1, 2, 3]) save(address)
  t.same([log, store.saves, writer.size], [[], 0, 3])
  await writer.idle()
  t.same([log, store.saves, writer.size], [['1 true', '2 true', '3 true'], 1, 0])
})

t.test('what comes in during a commit makes the next one', async (t) => {
  const commits: number[][] = []
  const release: (() => void)[] = []
  const { log, writer, save } = writing({
    shift: async () => {},
    save: (leases) => {
      commits.push(leases.map(({ address }) => address))
      return new Promise((resolve) => release.push(resolve))
    }
  })
  save(1)
  await settled()
  save(2)
  save(3)
  await settled()
  t.same([commits, log], [[[1]], []])
  release[0]?.()
  await settled()
  t.same([commits, log], [[[1], [2, 3]], ['1 true']])
  release[1]?.()
  await writer.idle()
  t.same(log, ['1 true', '2 true', '3 true'])
})

t.test('however many leases one moment has, they share a commit', async (t) => {
  const store = new MemoryLeaseStore()
  const { writer, save } = writing(store)
  for (let address = 0; address < 512; address += 1) save(address)
  await writer.idle()
  t.equal(store.saves, 1)
})

t.test('a store that refuses is no success, and the next lease is tried again', async (t) => {
  const { log, writer, save } = writing(new BrokenLeaseStore())
  save(1)
  await writer.idle()
  save(2)
  await writer.idle()
  t.same(log, ['failed: disk full', '1 false', 'failed: disk full', '2 false'])
})

t.test('a store that throws at once is a store that refuses', async (t) => {
  const { log, writer, save } = writing({
    shift: async () => {},
    save: () => {
      throw new Error('closed')
    }
  })
  save(1)
  await writer.idle()
  t.same(log, ['failed: closed', '1 false'])
})

t.test('a store that never answers is told nothing twice, and nobody is told anything', async (t) => {
  const { log, writer, save } = writing(new HangingLeaseStore())
  save(1)
  await settled()
  t.same([log, writer.size], [[], 1])
})

t.test('when the store is well again, that is told once', async (t) => {
  const store = new MemoryLeaseStore()
  let full = true
  const { log, writer, save } = writing({
    shift: (ms) => store.shift(ms),
    save: async (leases) => {
      if (full) throw new Error('full')
      await store.save(leases)
    }
  })
  const saved = async (address: number) => {
    save(address)
    await writer.idle()
    return writer.isFailing
  }
  t.same([writer.isFailing, await saved(1)], [false, true])
  full = false
  t.same([await saved(2), await saved(3)], [false, false])
  t.same(log, ['failed: full', '1 false', 'recovered', '2 true', '3 true'])
})

t.test('the clock is set while leases wait: all of them move, once', async (t) => {
  const store = new MemoryLeaseStore()
  const { writer, save } = writing(store)
  save(1)
  await writer.idle()
  save(2)
  await writer.shift(5000)
  await writer.idle()
  t.match(
    [...store.byAddress.values()],
    [
      { address: 1, expiresAt: 5000, updatedAt: 5000 },
      { address: 2, expiresAt: 5000, updatedAt: 5000 }
    ]
  )
})
