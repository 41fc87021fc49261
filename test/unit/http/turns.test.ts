import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Turns } from '../../../server/http/turns.ts'

t.test('everybody has one turn before anybody has two', async (t) => {
  const turns = new Turns()
  const taken: number[] = []
  const stand = (who: number) =>
    turns.add(() => {
      taken.push(who)
      if (taken.length < 60) stand(who)
    })
  for (let who = 0; who < 20; who++) stand(who)
  t.same(taken, [], 'none of them at once')
  while (taken.length < 60) await setImmediate()
  const everybody = Array.from({ length: 20 }, (_, who) => who)
  t.same(taken.slice(0, 60), [...everybody, ...everybody, ...everybody])
})

t.test('others have their turn in between', async (t) => {
  const turns = new Turns()
  let taken = 0
  for (let i = 0; i < 100; i++) turns.add(() => taken++)
  await setImmediate()
  t.ok(taken > 0 && taken < 100, `${taken} of 100 when the event loop was round`)
  while (taken < 100) await setImmediate()
})
