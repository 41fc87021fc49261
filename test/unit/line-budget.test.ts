import t from 'tap'
import { LineBudget } from '../../server/line-budget.ts'
import { FakeClock } from '../fakes/clock.ts'

t.test('so many lines, one that says so, and then none until the next minute', async (t) => {
  const clock = new FakeClock()
  const budget = new LineBudget(2, clock)
  const five = () => Array.from({ length: 5 }, () => budget.take())
  t.same(five(), ['room', 'room', 'just-full', 'full', 'full'])
  clock.advance(59_999)
  t.equal(budget.take(), 'full')
  clock.advance(1)
  t.same(five(), ['room', 'room', 'just-full', 'full', 'full'])
})
