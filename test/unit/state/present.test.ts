import t from 'tap'
import { present } from '../../../server/state/present.ts'

t.test('only undefined is left out', async (t) => {
  t.same(present({ a: undefined, b: null, c: 0, d: '', e: false }), { b: null, c: 0, d: '', e: false })
})
