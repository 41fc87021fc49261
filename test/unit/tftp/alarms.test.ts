import t from 'tap'
import { Alarms, type Sleeper } from '../../../server/tftp/alarms.ts'
import { FakeClock } from '../../fakes/clock.ts'

/** Counts the timers that were ever set. */
class CountingClock extends FakeClock {
  timers = 0

  override after(ms: number, run: () => void) {
    this.timers++
    return super.after(ms, run)
  }
}

class Napper implements Sleeper {
  readonly woken: number[] = []
  readonly #clock: FakeClock
  readonly #restMs: number
  wakeAt: number

  constructor(clock: FakeClock, wakeAt: number, restMs = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.wakeAt = wakeAt
    this.#restMs = restMs
  }

  wake(): void {
    this.woken.push(this.#clock.monotonic())
    this.wakeAt = this.#clock.monotonic() + this.#restMs
  }
}

t.test('each is woken when it is due, and never before', async (t) => {
  const clock = new FakeClock(0)
  const alarms = new Alarms(clock)
  const [late, early, often] = [new Napper(clock, 50), new Napper(clock, 20.5), new Napper(clock, 10, 10)]
  for (const one of [late, early, often]) alarms.add(one)
  for (let i = 0; i < 60; i++) clock.advance(1)
  t.same(late.woken, [50])
  t.same(early.woken, [21])
  t.same(often.woken, [10, 20, 30, 40, 50, 60])
})

t.test('a deadline that moves on costs no timer, one that comes nearer is kept', async (t) => {
  const clock = new CountingClock(0)
  const alarms = new Alarms(clock)
  const one = new Napper(clock, 10)
  alarms.add(one)
  for (let at = 1; at <= 9; at++) {
    clock.advance(1)
    one.wakeAt = at + 10
    alarms.moved(one)
  }
  t.equal(clock.timers, 1)
  clock.advance(5)
  t.same(one.woken, [], 'the timer came, and looked again')
  one.wakeAt = 16
  alarms.moved(one)
  clock.advance(2)
  t.same(one.woken, [16])
})

t.test('who leaves is not woken, not even by one that is woken before it', async (t) => {
  const clock = new FakeClock(0)
  const alarms = new Alarms(clock)
  const leaver = new Napper(clock, 10)
  const other = new Napper(clock, 10)
  other.wake = () => {
    alarms.remove(leaver)
    other.wakeAt = Number.POSITIVE_INFINITY
  }
  alarms.add(other)
  alarms.add(leaver)
  clock.advance(100)
  t.same(leaver.woken, [])
})

t.test('who waits for nothing sets no timer', async (t) => {
  const clock = new CountingClock(0)
  const alarms = new Alarms(clock)
  const one = new Napper(clock, Number.POSITIVE_INFINITY)
  alarms.add(one)
  t.equal(clock.timers, 0)
  alarms.remove(one)
  t.equal(clock.timers, 0)
})
