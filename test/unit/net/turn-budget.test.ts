import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import t from 'tap'
import { TurnBudget } from '../../../server/net/turn-budget.ts'
import { FakeClock } from '../../fakes/clock.ts'

t.test('10 ms in one turn, and as much again in the next', async (t) => {
  const clock = new FakeClock()
  const budget = new TurnBudget(clock)
  for (const turn of ['first', 'next']) {
    const seen = [0, 9, 1, 5].map((ms) => {
      clock.advance(ms)
      return budget.isSpent
    })
    t.same(seen, [false, false, true, true], turn)
    await turnOfTheLoop()
    clock.advance(1000)
  }
})
