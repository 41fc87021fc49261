import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import t from 'tap'
import { TurnBudget } from '../../../server/net/turn-budget.ts'

t.test('so much in one turn, and as much again in the next', async (t) => {
  const budget = new TurnBudget(100)
  for (const spent of [60, 60]) {
    t.equal(budget.isSpent, false)
    budget.spend(spent)
  }
  t.equal(budget.isSpent, true)
  await turnOfTheLoop()
  budget.spend(99)
  t.equal(budget.isSpent, false)
  budget.spend(1)
  t.equal(budget.isSpent, true)
})
