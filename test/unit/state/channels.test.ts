import t, { type Test } from 'tap'
import { AuditLog } from '../../../server/state/audit.ts'
import { Channels } from '../../../server/state/channels.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'
import { FakeVersions } from '../../fakes/versions.ts'

const STABLE = { image: 'lab', channel: 'stable' }

async function setUp(t: Test) {
  const clock = new FakeClock(1_000)
  const versions = new FakeVersions('lab', '1', '2', '3')
  const database = await memoryDatabase(t)
  const channels = await Channels.open(database, clock, versions)
  return { clock, versions, database, channels, reopen: () => Channels.open(database, clock, versions) }
}

t.test('a channel is where it was moved to, also after a restart', async (t) => {
  const { channels, reopen } = await setUp(t)
  t.equal(channels.get(STABLE), undefined)
  const moved = await channels.move(STABLE, '1', 'ann')
  t.same(moved, { image: 'lab', channel: 'stable', version: '1', movedAt: 1_000 })
  await channels.move({ image: 'lab', channel: 'beta' }, '2', 'ann')
  for (const each of [channels, await reopen()]) {
    t.same(each.get(STABLE), moved)
    t.same(
      each.list('lab').map(({ channel, version }) => [channel, version]),
      [
        ['beta', '2'],
        ['stable', '1']
      ]
    )
    t.same(each.at('lab', '1'), ['stable'])
    t.same(each.list('other'), [])
  }
})

t.test('only to a version that is published', async (t) => {
  const { channels } = await setUp(t)
  await t.rejects(channels.move(STABLE, '9', 'ann'), {
    code: 'VERSION_NOT_PUBLISHED',
    detail: 'image lab has no version 9'
  })
  t.equal(channels.get(STABLE), undefined)
  t.same(await channels.history(STABLE), [])
})

t.test('who moved it, from where to where, and when', async (t) => {
  const { channels, clock } = await setUp(t)
  await channels.move(STABLE, '1', 'ann')
  clock.advance(500)
  await channels.move(STABLE, '2', 'ben')
  await channels.move(STABLE, '2', 'ben')
  await channels.rollback(STABLE, 'cat')
  t.same(await channels.history(STABLE), [
    { kind: 'rollback', from: '2', to: '1', actor: 'cat', at: 1_500 },
    { kind: 'move', from: '1', to: '2', actor: 'ben', at: 1_500 },
    { kind: 'move', from: undefined, to: '1', actor: 'ann', at: 1_000 }
  ])
})

t.test('a rollback goes back, the next one further back, and the last one nowhere', async (t) => {
  const { channels, reopen } = await setUp(t)
  for (const version of ['1', '2', '3']) await channels.move(STABLE, version, 'ann')
  t.match(await channels.rollback(STABLE, 'ann'), { version: '2' })
  t.match(await (await reopen()).rollback(STABLE, 'ann'), { version: '1' }, 'a restart does not forget how far back')
  const again = await reopen()
  await t.rejects(again.rollback(STABLE, 'ann'), { code: 'NOTHING_TO_ROLL_BACK_TO' })
  t.match(again.get(STABLE), { version: '1' })
})

t.test('a rollback passes over what was deleted', async (t) => {
  const { channels, versions } = await setUp(t)
  for (const version of ['1', '2', '3']) await channels.move(STABLE, version, 'ann')
  versions.drop('2')
  t.match(await channels.rollback(STABLE, 'ann'), { version: '1' })
})

t.test('no such channel is an absence, not an error', async (t) => {
  const { channels } = await setUp(t)
  t.equal(await channels.rollback(STABLE, 'ann'), undefined)
  t.equal(await channels.remove(STABLE, 'ann'), false)
})

t.test('a removed channel leaves its history, and does not roll back beyond it when it comes again', async (t) => {
  const { channels } = await setUp(t)
  await channels.move(STABLE, '1', 'ann')
  t.equal(await channels.remove(STABLE, 'ann'), true)
  t.equal(channels.get(STABLE), undefined)
  await channels.move(STABLE, '2', 'ann')
  await t.rejects(channels.rollback(STABLE, 'ann'), { code: 'NOTHING_TO_ROLL_BACK_TO' })
  t.same(
    (await channels.history(STABLE)).map(({ kind }) => kind),
    ['move', 'remove', 'move']
  )
})

t.test('every change is audited', async (t) => {
  const { channels, database, clock } = await setUp(t)
  await channels.move(STABLE, '1', 'ann')
  await channels.move(STABLE, '2', 'ben')
  await channels.rollback(STABLE, 'cat')
  await channels.remove(STABLE, 'dan')
  const entries = await new AuditLog(database, clock).list({ limit: 10 })
  t.same(
    entries.map(({ actor, action, target, details }) => [actor, action, target, details]),
    [
      ['dan', 'channel.remove', 'lab/stable', { from: '1' }],
      ['cat', 'channel.rollback', 'lab/stable', { from: '2', to: '1' }],
      ['ben', 'channel.move', 'lab/stable', { from: '1', to: '2' }],
      ['ann', 'channel.move', 'lab/stable', { to: '1' }]
    ]
  )
})

t.test('when any part of a change can’t be written, none of it happened, on disk or in memory', async (t) => {
  for (const table of ['channels', 'channel_moves', 'audit'] as const) {
    const { channels, database, reopen } = await setUp(t)
    await channels.move(STABLE, '1', 'ann')
    await channels.move(STABLE, '2', 'ann')
    const mend = await breakWrites(database, table)
    const broken = { message: 'the disk is broken' }
    await t.rejects(channels.move(STABLE, '3', 'ann'), broken)
    await t.rejects(channels.rollback(STABLE, 'ann'), broken)
    await t.rejects(channels.remove(STABLE, 'ann'), broken)
    for (const each of [channels, await reopen()]) t.match(each.get(STABLE), { version: '2' }, table)
    t.equal((await channels.history(STABLE)).length, 2)
    await mend()
    t.match(await channels.move(STABLE, '3', 'ann'), { version: '3' }, 'and goes on when the disk is mended')
  }
})

t.test('nothing moves while it is held still', async (t) => {
  const { channels } = await setUp(t)
  const gate = Promise.withResolvers<void>()
  const held = channels.holdStill(async () => {
    await gate.promise
    return channels.get(STABLE)
  })
  const moved = channels.move(STABLE, '1', 'ann')
  gate.resolve()
  t.equal(await held, undefined)
  t.match(await moved, { version: '1' })
})

t.test('two who promote at once are taken one after the other', async (t) => {
  const { channels } = await setUp(t)
  await Promise.all(['1', '2', '3'].map((version) => channels.move(STABLE, version, 'ann')))
  t.match(channels.get(STABLE), { version: '3' })
  t.same(
    (await channels.history(STABLE)).map(({ from, to }) => [from, to]),
    [
      ['2', '3'],
      ['1', '2'],
      [undefined, '1']
    ]
  )
})
