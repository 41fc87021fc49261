import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

t.test('well', async (t) => {
  const { call } = await adminApp(t)
  const response = await call({ url: '/healthz', scope: 'none' })
  t.equal(response.statusCode, 200)
  t.same(response.json(), { status: 'ok', unwritable: [] })
})

t.test('not well', async (t) => {
  const checkDatabase = async () => {
    throw new Error('locked')
  }
  const { call } = await adminApp(t, { checkDatabase })
  const response = await call({ url: '/healthz', scope: 'none' })
  t.equal(response.statusCode, 500)
  t.notMatch(response.body, 'locked')
})

t.test('a disk that takes nothing is told of, and is no reason to be started again', async (t) => {
  const { call } = await adminApp(t, { unwritable: () => ['stateDir'] })
  const response = await call({ url: '/healthz', scope: 'none' })
  t.equal(response.statusCode, 200)
  t.same(response.json(), { status: 'degraded', unwritable: ['stateDir'] })
})
