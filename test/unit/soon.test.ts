import t from 'tap'
import { rescue, whenThere } from '../../server/soon.ts'

const double = (value: number) => 2 * value

t.test('what is at hand is gone on with at once', async (t) => {
  t.equal(whenThere(2, double), 4)
  t.equal(await whenThere(2, async (value) => double(value)), 4)
})

t.test('what is not there yet is waited for', async (t) => {
  const later = whenThere(Promise.resolve(2), double)
  t.type(later, Promise)
  t.equal(await later, 4)
  await t.rejects(async () => whenThere(Promise.reject(new Error('lost')), double), { message: 'lost' })
})

t.test('failures now and later', async (t) => {
  const failed = (error: unknown) => String(error)
  t.equal(
    rescue(() => 'fine', failed),
    'fine'
  )
  t.equal(
    rescue(() => {
      throw new Error('now')
    }, failed),
    'Error: now'
  )
  t.equal(await rescue(() => Promise.resolve('fine'), failed), 'fine')
  t.equal(await rescue(() => Promise.reject(new Error('later')), failed), 'Error: later')
})
