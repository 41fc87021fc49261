// Whatever is done to a channel, it is where a plain stack of versions says, before and after a restart.
import fc from 'fast-check'
import t from 'tap'
import { Channels } from '../../../server/state/channels.ts'
import { Conflict } from '../../../server/state/conflict.ts'
import { openDatabase } from '../../../server/state/database.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeVersions } from '../../fakes/versions.ts'

const VERSIONS = ['1', '2', '3', '4']
const REF = { image: 'lab', channel: 'stable' }

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('move' as const), version: fc.constantFrom(...VERSIONS) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('rollback' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), version: fc.constantFrom(...VERSIONS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) }
)

t.test('a channel is a stack', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
      const database = await openDatabase(':memory:')
      const versions = new FakeVersions('lab', ...VERSIONS)
      const clock = new FakeClock()
      let channels = await Channels.open(database, clock, versions)
      let stack: string[] = []
      const there = (version: string) => versions.get('lab', version) !== undefined
      const outcome = async (doing: Promise<unknown>) =>
        doing.then(
          () => 'done',
          (error: unknown) => {
            if (error instanceof Conflict) return error.code
            throw error
          }
        )
      for (const step of changes) {
        switch (step.kind) {
          case 'move': {
            const expected = there(step.version) ? 'done' : 'VERSION_NOT_PUBLISHED'
            t.equal(await outcome(channels.move(REF, step.version, 'me')), expected)
            if (expected === 'done' && stack.at(-1) !== step.version) stack.push(step.version)
            break
          }
          case 'rollback': {
            const back = stack.slice(0, -1).findLastIndex(there)
            const expected = stack.length > 0 && back === -1 ? 'NOTHING_TO_ROLL_BACK_TO' : 'done'
            t.equal(await outcome(channels.rollback(REF, 'me')), expected)
            if (back !== -1) stack = stack.slice(0, back + 1)
            break
          }
          case 'remove':
            t.equal(await channels.remove(REF, 'me'), stack.length > 0)
            stack = []
            break
          case 'delete':
            // A version that a channel is at can't be deleted.
            if (channels.at('lab', step.version).length === 0) versions.drop(step.version)
            break
          case 'restart':
            channels = await Channels.open(database, clock, versions)
        }
        t.equal(channels.get(REF)?.version, stack.at(-1))
      }
      await database.destroy()
    }),
    { numRuns: 60 }
  )
})
