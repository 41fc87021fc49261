import t from 'tap'
import { LeaseBatches } from '../../../server/dhcp6/lease-batches.ts'
import type { Lease6 } from '../../../server/dhcp6/leases.ts'

function lease(address: string, expiresAt = 1): Lease6 {
  return { address, identity: '', duid: '', state: 'bound', expiresAt, updatedAt: 0 }
}

/** A store whose commits end when the test says so. */
function slowStore() {
  const commits: { readonly leases: readonly string[]; end(error?: Error): void }[] = []
  const save = (leases: readonly Lease6[]) =>
    new Promise<void>((resolve, reject) => {
      commits.push({
        leases: leases.map(({ address, expiresAt }) => `${address} ${expiresAt}`),
        end: (error) => (error ? reject(error) : resolve())
      })
    })
  return { save, commits }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

t.test('what comes in during a commit shares the next one, in its order', async (t) => {
  const store = slowStore()
  const batches = new LeaseBatches(store)
  const first = batches.save([lease('a')])
  await settled()
  const rest = [lease('b'), lease('c'), lease('b', 2)].map((one) => batches.save([one]))
  await settled()
  t.same(
    store.commits.map(({ leases }) => leases),
    [['a 1']],
    'one at a time'
  )
  store.commits[0]?.end()
  await first
  await settled()
  t.same(store.commits[1]?.leases, ['b 1', 'c 1', 'b 2'])
  store.commits[1]?.end()
  await Promise.all(rest)
})

t.test('a commit that fails fails for all that was in it, and for nothing that comes after', async (t) => {
  const store = slowStore()
  const batches = new LeaseBatches(store)
  const first = batches.save([lease('a')])
  await settled()
  const second = batches.save([lease('b')])
  store.commits[0]?.end(new Error('disk full'))
  await t.rejects(first, /disk full/)
  await settled()
  store.commits[1]?.end()
  await t.resolves(second)
  const third = batches.save([lease('c')])
  await settled()
  t.same(store.commits[2]?.leases, ['c 1'])
  store.commits[2]?.end()
  await t.resolves(third)
})
