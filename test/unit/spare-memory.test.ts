import t from 'tap'
import { giveBackMemory } from '../../server/spare-memory.ts'

t.test('gives back what there is, as often as it is asked to', async (t) => {
  await giveBackMemory()
  await t.resolves(giveBackMemory())
})
