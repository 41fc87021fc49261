import t, { type Test } from 'tap'
import type { Host } from '../../../server/boot/model.ts'
import { AuditLog } from '../../../server/state/audit.ts'
import { StoredInventory } from '../../../server/state/inventory.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'

const MAC = '52:54:00:00:00:01'

function host(name: string, facts: Partial<Host> = {}): Host {
  return { name, mac: MAC, group: undefined, address: undefined, ...facts }
}

async function setUp(t: Test) {
  const clock = new FakeClock()
  const database = await memoryDatabase(t)
  const inventory = await StoredInventory.open(database, clock)
  const audit = new AuditLog(database, clock)
  return { database, inventory, audit, reopen: () => StoredInventory.open(database, clock) }
}

t.test('a host is found by MAC, by name and by address, also after a restart', async (t) => {
  const { inventory, reopen } = await setUp(t)
  await inventory.createGroup({ name: 'lab', image: 'debian', channel: 'stable' }, 'ann')
  const facts = { group: 'lab', address: 0x0a000007, arguments: ['quiet'], dhcpOptions: { '42': '0a000001' } }
  const created = await inventory.createHost(host('ws-01', facts), 'ann')
  for (const each of [inventory, await reopen()]) {
    t.same(each.host(MAC), created)
    t.same(each.findHost('WS-01'), created)
    t.same(each.findHost('5254.0000.0001'), created)
    t.same(each.hostAt(0x0a000007), created)
    t.same(each.hosts(), [created])
    t.same(each.group('lab'), { name: 'lab', image: 'debian', channel: 'stable' })
  }
})

t.test('nothing is an absence', async (t) => {
  const { inventory } = await setUp(t)
  t.equal(inventory.host(MAC), undefined)
  t.equal(inventory.group('lab'), undefined)
  t.equal(inventory.findHost('ws-01'), undefined)
  t.same(inventory.hosts(), [])
  t.equal(await inventory.replaceHost('ws-01', host('ws-01'), 'ann'), undefined)
  t.equal(await inventory.replaceGroup({ name: 'lab' }, 'ann'), undefined)
  t.equal(await inventory.removeHost('ws-01', 'ann'), false)
  t.equal(await inventory.removeGroup('lab', 'ann'), false)
})

t.test('a name, a MAC and an address belong to one host, and a group must be there', async (t) => {
  const { inventory } = await setUp(t)
  await inventory.createHost(host('ws-01', { address: 7 }), 'ann')
  const other = '52:54:00:00:00:02'
  const refused: readonly [Host, string][] = [
    [host('ws-01', { mac: other }), 'HOST_EXISTS'],
    [host('ws-02'), 'MAC_IN_USE'],
    [host('ws-02', { mac: other, address: 7 }), 'ADDRESS_IN_USE'],
    [host('ws-02', { mac: other, group: 'nowhere' }), 'GROUP_NOT_FOUND']
  ]
  for (const [candidate, code] of refused) await t.rejects(inventory.createHost(candidate, 'ann'), { code })
  t.equal(inventory.hosts().length, 1)
  await inventory.createHost(host('ws-02', { mac: other }), 'ann')
  await t.rejects(inventory.replaceHost('ws-02', host('ws-02'), 'ann'), { code: 'MAC_IN_USE' })
  await t.rejects(inventory.replaceHost('ws-02', host('ws-01', { mac: other }), 'ann'), { code: 'HOST_EXISTS' })
})

t.test('two who add the same MAC at once: one is refused', async (t) => {
  const { inventory } = await setUp(t)
  const results = await Promise.allSettled(['a', 'b'].map((name) => inventory.createHost(host(name), 'ann')))
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected']
  )
})

t.test('a host can change everything, its name and MAC too', async (t) => {
  const { inventory, reopen } = await setUp(t)
  await inventory.createHost(host('ws-01', { address: 7 }), 'ann')
  const changed = host('ws-99', { mac: '52:54:00:00:00:99', address: 8 })
  t.same(await inventory.replaceHost('ws-01', changed, 'ann'), changed)
  for (const each of [inventory, await reopen()]) {
    t.same(each.hosts(), [changed])
    t.equal(each.host(MAC), undefined)
    t.equal(each.hostAt(7), undefined)
    t.same(each.hostAt(8), changed)
  }
  await inventory.createHost(host('ws-01', { address: 7 }), 'ann')
})

t.test('a group with hosts stays', async (t) => {
  const { inventory, reopen } = await setUp(t)
  await inventory.createGroup({ name: 'lab' }, 'ann')
  await t.rejects(inventory.createGroup({ name: 'lab' }, 'ann'), { code: 'GROUP_EXISTS' })
  await inventory.createHost(host('ws-01', { group: 'lab' }), 'ann')
  await t.rejects(inventory.removeGroup('lab', 'ann'), { code: 'GROUP_IN_USE', users: ['host ws-01'] })
  t.same(await inventory.replaceGroup({ name: 'lab', boot: 'local' }, 'ann'), { name: 'lab', boot: 'local' })
  await inventory.removeHost('ws-01', 'ann')
  t.equal(await inventory.removeGroup('lab', 'ann'), true)
  t.same((await reopen()).groups(), [])
})

t.test('who pins a version', async (t) => {
  const { inventory } = await setUp(t)
  await inventory.createGroup({ name: 'lab', image: 'debian', version: '1' }, 'ann')
  await inventory.createHost(host('ws-01', { image: 'debian', version: '1' }), 'ann')
  await inventory.createHost(host('ws-02', { mac: '52:54:00:00:00:02', image: 'debian', channel: 'stable' }), 'ann')
  t.same(inventory.pinning('debian', '1'), ['group lab', 'host ws-01'])
  t.same(inventory.pinning('debian', '2'), [])
  t.same(inventory.pinning('other', '1'), [])
})

t.test('a host whose own version belongs to its group’s image pins it too', async (t) => {
  const { inventory } = await setUp(t)
  await inventory.createGroup({ name: 'lab', image: 'debian' }, 'ann')
  await inventory.createHost(host('ws-01', { group: 'lab', version: '1' }), 'ann')
  t.same(inventory.pinning('debian', '1'), ['host ws-01'])
})

t.test('every change is audited', async (t) => {
  const { inventory, audit } = await setUp(t)
  await inventory.createGroup({ name: 'lab' }, 'ann')
  await inventory.replaceGroup({ name: 'lab', boot: 'local' }, 'ben')
  await inventory.createHost(host('ws-01'), 'cat')
  await inventory.replaceHost('ws-01', host('ws-02'), 'dan')
  await inventory.removeHost('ws-02', 'eve')
  await inventory.removeGroup('lab', 'fay')
  const entries = await audit.list({ limit: 10 })
  t.same(
    entries.map(({ actor, action, target }) => [actor, action, target]),
    [
      ['fay', 'group.remove', 'lab'],
      ['eve', 'host.remove', 'ws-02'],
      ['dan', 'host.replace', 'ws-01'],
      ['cat', 'host.create', 'ws-01'],
      ['ben', 'group.replace', 'lab'],
      ['ann', 'group.create', 'lab']
    ]
  )
  t.match(entries[2]?.details, { name: 'ws-02', mac: MAC })
})

t.test('what can’t be written did not happen, in memory either', async (t) => {
  for (const table of ['hosts', 'audit'] as const) {
    const { inventory, database, reopen } = await setUp(t)
    const created = await inventory.createHost(host('ws-01', { address: 7 }), 'ann')
    await breakWrites(database, table)
    const broken = { message: 'the disk is broken' }
    await t.rejects(inventory.createHost(host('ws-02', { mac: '52:54:00:00:00:02' }), 'ann'), broken)
    await t.rejects(inventory.replaceHost('ws-01', host('ws-03'), 'ann'), broken)
    await t.rejects(inventory.removeHost('ws-01', 'ann'), broken)
    for (const each of [inventory, await reopen()]) t.same(each.hosts(), [created], table)
  }
})
