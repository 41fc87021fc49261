import t, { type Test } from 'tap'
import type { Boot, BootEvent } from '../../../server/boot/model.ts'
import { StoredBoots } from '../../../server/state/boots.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'

const MAC = '52:54:00:00:00:01'

function boot(id: string, facts: Partial<Boot> = {}): Boot {
  return {
    id,
    mac: MAC,
    address: undefined,
    host: undefined,
    arch: 'x64-uefi',
    state: 'booting',
    image: undefined,
    version: undefined,
    startedAt: 1_000,
    updatedAt: 1_000,
    ...facts
  }
}

function event(bootId: string, facts: Partial<BootEvent> = {}): BootEvent {
  const step = { step: 'kernel', outcome: 'ok', detail: 'fetched' } as const
  return {
    bootId,
    mac: MAC,
    at: 1_000,
    ...step,
    doneBytes: undefined,
    totalBytes: undefined,
    bytesPerSecond: undefined,
    ...facts
  }
}

async function setUp(t: Test, limits: { kept?: number; queued?: number } = {}) {
  const clock = new FakeClock()
  const database = await memoryDatabase(t)
  const warnings: string[] = []
  const log = { warn: (_facts: object, message: string) => warnings.push(message) }
  const boots = new StoredBoots(database, { clock, log, ...limits })
  return { clock, database, boots, warnings }
}

t.test('what was told is read back whole, the events in their order', async (t) => {
  const { boots } = await setUp(t)
  const full = boot('a', { address: 0x0a000007, host: 'ws-01', image: 'lab', version: '1', state: 'running' })
  boots.save(boot('a'), event('a', { step: 'dhcp' }))
  boots.save(full, event('a', { outcome: 'progress', doneBytes: 5, totalBytes: 10, bytesPerSecond: 7 }))
  boots.save(full, undefined)
  t.same(await boots.get('a'), full)
  t.same(await boots.events('a'), [
    event('a', { step: 'dhcp' }),
    event('a', { outcome: 'progress', doneBytes: 5, totalBytes: 10, bytesPerSecond: 7 })
  ])
  t.equal(await boots.get('b'), undefined)
  t.same(await boots.events('b'), [])
  const overIpv6 = boot('c', { address: 'fd00:77::5' })
  boots.save(overIpv6, undefined)
  t.same(await boots.get('c'), overIpv6)
})

t.test('lists are newest first, filtered and bounded', async (t) => {
  const { boots } = await setUp(t)
  boots.save(boot('a', { startedAt: 1 }), undefined)
  boots.save(boot('b', { startedAt: 3, mac: '52:54:00:00:00:02' }), undefined)
  boots.save(boot('c', { startedAt: 2, state: 'failed' }), undefined)
  const ids = async (filter: Parameters<StoredBoots['list']>[0]) => (await boots.list(filter)).map(({ id }) => id)
  t.same(await ids({}), ['b', 'c', 'a'])
  t.same(await ids({ limit: 1 }), ['b'])
  t.same(await ids({ mac: MAC }), ['c', 'a'])
  t.same(await ids({ mac: MAC, state: 'booting' }), ['a'])
  t.same(await ids({ state: 'ended' }), [])
})

t.test('those that are not over are loaded', async (t) => {
  const { boots } = await setUp(t)
  for (const state of ['booting', 'running', 'failed', 'ended'] as const) boots.save(boot(state, { state }), undefined)
  t.same((await boots.load()).map(({ state }) => state).sort(), ['booting', 'running'])
})

t.test('nobody waits for the disk, and it is written a moment later', async (t) => {
  const { boots, database, clock } = await setUp(t)
  boots.save(boot('a'), event('a'))
  const rows = () => database.selectFrom('boots').selectAll().execute()
  t.same(await rows(), [])
  clock.advance(100)
  await boots.flush()
  t.equal((await rows()).length, 1)
})

t.test('a broken disk is warned of, tried again, and loses nothing', async (t) => {
  const { boots, database, clock, warnings } = await setUp(t)
  const mend = await breakWrites(database, 'boot_events')
  boots.save(boot('a'), event('a', { step: 'dhcp' }))
  await t.rejects(boots.flush(), { message: 'the disk is broken' })
  t.same(await boots.get('a'), boot('a'), 'and what it did not take can be read')
  t.same(await boots.list({}), [boot('a')])
  t.same(await boots.list({ state: 'failed' }), [])
  t.same(await boots.events('a'), [event('a', { step: 'dhcp' })])
  boots.save(boot('a', { state: 'failed' }), event('a', { step: 'loader' }))
  clock.advance(100)
  await t.rejects(boots.flush())
  t.same(await boots.list({ state: 'failed' }), [boot('a', { state: 'failed' })])
  clock.advance(60_000)
  await t.rejects(boots.flush())
  t.match(warnings, ['boots can not be saved: trying again until they can'], 'one line, however long it lasts')
  t.equal(warnings.length, 1)
  await mend()
  clock.advance(5_000)
  await boots.flush()
  t.same(await boots.get('a'), boot('a', { state: 'failed' }))
  t.same(
    (await boots.events('a')).map(({ step }) => step),
    ['dhcp', 'loader']
  )
})

t.test('when the disk does not keep up, progress goes first', async (t) => {
  const { boots } = await setUp(t, { queued: 3 })
  boots.save(boot('a'), event('a', { step: 'dhcp' }))
  boots.save(boot('a'), event('a', { step: 'kernel', outcome: 'progress' }))
  boots.save(boot('a'), event('a', { step: 'initrd' }))
  boots.save(boot('a'), event('a', { step: 'layers' }))
  boots.save(boot('a', { state: 'running' }), event('a', { step: 'up' }))
  t.same(
    (await boots.events('a')).map(({ step }) => step),
    ['initrd', 'layers', 'up']
  )
  t.match(await boots.get('a'), { state: 'running' })
})

t.test('old ones that are over go, with their events; those going on stay', async (t) => {
  const { boots, database } = await setUp(t, { kept: 2 })
  boots.save(boot('running', { startedAt: 1, state: 'running' }), event('running'))
  for (const [id, startedAt] of [
    ['old', 2],
    ['newer', 3],
    ['newest', 4]
  ] as const) {
    boots.save(boot(id, { startedAt, state: 'ended' }), event(id))
  }
  await boots.flush()
  t.same(
    (await boots.list({})).map(({ id }) => id),
    ['newest', 'newer', 'running']
  )
  const events = await database.selectFrom('boot_events').select('boot_id').execute()
  t.same(events.map(({ boot_id }) => boot_id).sort(), ['newer', 'newest', 'running'])
})
