import t from 'tap'
import { LeaseTime } from '../../../server/dhcp/lease-time.ts'
import { FakeClock } from '../../fakes/clock.ts'

const DAY = 86_400_000

t.test('time goes on evenly whatever becomes of the clock, until the step is taken', async (t) => {
  const clock = new FakeClock(0)
  const time = new LeaseTime(clock)
  clock.advance(1000)
  t.equal(time.now(), 1000)
  for (const step of [DAY, -2 * DAY]) {
    const before = time.now()
    clock.setWall(step)
    t.equal(time.now(), before)
    t.equal(time.takeStep(), step)
    t.equal(time.now(), clock.now())
    t.equal(time.takeStep(), 0, 'once')
  }
  clock.setWall(9000)
  t.equal(time.takeStep(), 0, 'a few seconds are no step')
})
