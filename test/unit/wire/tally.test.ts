import t from 'tap'
import { Tally } from '../../../server/wire/tally.ts'

t.test('each type by its name, and all others together', async (t) => {
  const tally = new Tally({ solicit: 1, informationRequest: 11 })
  for (const type of [1, 1, 11, 200, undefined]) tally.add(type)
  t.same(tally.read(), { solicit: 2, 'information-request': 1, other: 2 })
})
