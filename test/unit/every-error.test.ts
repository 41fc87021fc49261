import t from 'tap'
import Type from 'typebox'
import { Settings } from 'typebox/system'
import { everyError } from '../../server/every-error.ts'

t.test('every error is there, and the library is left as it was', async (t) => {
  const before = Settings.Get().maxErrors
  t.equal(
    everyError(
      Type.Array(Type.String()),
      Array.from({ length: 50 }, (_, i) => i)
    ).length,
    50
  )
  t.equal(Settings.Get().maxErrors, before)
})
