import t from 'tap'
import { PerMinute } from '../../../server/http/per-minute.ts'
import { FakeClock } from '../../fakes/clock.ts'

t.test('so often a minute, each address for itself', async (t) => {
  const clock = new FakeClock()
  const limit = new PerMinute(2, clock)
  t.same([limit.allows('a'), limit.allows('a'), limit.allows('a'), limit.allows('b')], [true, true, false, true])
  clock.advance(59_999)
  t.equal(limit.allows('a'), false)
  clock.advance(1)
  t.equal(limit.allows('a'), true)
})
