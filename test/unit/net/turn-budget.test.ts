import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import t from 'tap'
import { TurnBudget } from '../../../server/net/turn-budget.ts'

t.test('so much in one turn, and as much again in the next', async (t) => {
  const budget = new TurnBudget(2)
  const taken = () => [budget.take(), budget.take(), budget.take()]
  t.same(taken(), [true, true, false])
  t.equal(budget.isSpent, true)
  await turnOfTheLoop()
  t.equal(budget.isSpent, false)
  t.same(taken(), [true, true, false])
})
