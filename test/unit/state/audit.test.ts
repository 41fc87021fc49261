import t from 'tap'
import { AuditLog } from '../../../server/state/audit.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { breakWrites, memoryDatabase } from '../../fakes/database.ts'

t.test('newest first, page by page', async (t) => {
  const clock = new FakeClock(0)
  const audit = new AuditLog(await memoryDatabase(t), clock)
  for (const target of ['a', 'b', 'c']) {
    await audit.record('ann', 'image.poke', target, { how: ['hard'] })
    clock.advance(10)
  }
  const page = await audit.list({ limit: 2 })
  t.same(page, [
    { id: 3, at: 20, actor: 'ann', action: 'image.poke', target: 'c', details: { how: ['hard'] } },
    { id: 2, at: 10, actor: 'ann', action: 'image.poke', target: 'b', details: { how: ['hard'] } }
  ])
  t.same(
    (await audit.list({ before: 2, limit: 2 })).map(({ target }) => target),
    ['a']
  )
})

t.test('nothing yet', async (t) => {
  t.same(await new AuditLog(await memoryDatabase(t), new FakeClock()).list({ limit: 5 }), [])
})

t.test('an entry that can’t be written is said so', async (t) => {
  const database = await memoryDatabase(t)
  await breakWrites(database, 'audit')
  await t.rejects(new AuditLog(database, new FakeClock()).record('ann', 'image.poke', 'a'), {
    message: 'the disk is broken'
  })
})
