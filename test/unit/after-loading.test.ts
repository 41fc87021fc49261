import t from 'tap'
import { afterLoading } from '../../server/after-loading.ts'

t.test('may be done as often as something is loaded', async (t) => {
  await afterLoading()
  await t.resolves(afterLoading())
})
