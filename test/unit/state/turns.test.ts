import t from 'tap'
import { Turns } from '../../../server/state/turns.ts'

t.test('each begins when the one before has ended, in the order asked', async (t) => {
  const turns = new Turns()
  const told: string[] = []
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const all = gates.map((gate, i) =>
    turns.take(async () => {
      told.push(`begin ${i}`)
      await gate.promise
      told.push(`end ${i}`)
      return i
    })
  )
  gates[1]?.resolve()
  await Promise.resolve()
  gates[0]?.resolve()
  t.same(await Promise.all(all), [0, 1])
  t.same(told, ['begin 0', 'end 0', 'begin 1', 'end 1'])
})

t.test('a failure is its caller’s alone', async (t) => {
  const turns = new Turns()
  const failing = turns.take(async () => {
    throw new Error('mine')
  })
  const next = turns.take(async () => 'fine')
  await t.rejects(failing, { message: 'mine' })
  t.equal(await next, 'fine')
})
