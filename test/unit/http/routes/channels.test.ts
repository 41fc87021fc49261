import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'
import { FakeStore } from '../../../fakes/image-store.ts'
import { fakeVersion } from '../../../fakes/versions.ts'

const STABLE = '/api/v1/images/lab/channels/stable'

t.test('promote, look, roll back, remove', async (t) => {
  const { call, clock } = await adminApp(t, { store: new FakeStore(fakeVersion('lab', '1'), fakeVersion('lab', '2')) })
  t.equal((await call({ url: STABLE })).json().code, 'CHANNEL_NOT_FOUND')
  const first = { image: 'lab', channel: 'stable', version: '1', movedAt: '2026-11-21T01:42:00.000Z' }
  const promoted = await call({ method: 'PUT', url: STABLE, payload: { version: '1' }, scope: 'publish' })
  t.equal(promoted.statusCode, 200)
  t.same(promoted.json(), first)
  t.same((await call({ url: STABLE, scope: 'read' })).json(), first)
  t.same((await call({ url: '/api/v1/images/lab/channels' })).json(), [first])
  clock.advance(1_000)
  await call({ method: 'PUT', url: STABLE, payload: { version: '2' }, scope: 'publish' })
  t.match((await call({ method: 'POST', url: `${STABLE}/rollback`, scope: 'publish' })).json(), { version: '1' })
  const further = await call({ method: 'POST', url: `${STABLE}/rollback` })
  t.equal(further.statusCode, 409)
  t.equal(further.json().code, 'NOTHING_TO_ROLL_BACK_TO')
  t.match((await call({ url: `${STABLE}/history` })).json(), [
    { kind: 'rollback', from: '2', to: '1', actor: /^publish \(/, at: '2026-11-21T01:42:01.000Z' },
    { kind: 'move', from: '1', to: '2' },
    { kind: 'move', to: '1', at: '2026-11-21T01:42:00.000Z' }
  ])
  t.equal((await call({ method: 'DELETE', url: STABLE })).statusCode, 204)
  t.equal((await call({ url: STABLE })).statusCode, 404)
  t.equal((await call({ url: `${STABLE}/history` })).json().length, 4)
})

t.test('a version that is not published', async (t) => {
  const { call } = await adminApp(t)
  const response = await call({ method: 'PUT', url: STABLE, payload: { version: '9' } })
  t.equal(response.statusCode, 409)
  t.match(response.json(), { code: 'VERSION_NOT_PUBLISHED', detail: 'image lab has no version 9' })
})

t.test('a channel that is not there', async (t) => {
  const { call } = await adminApp(t)
  for (const request of [
    { method: 'GET', url: STABLE },
    { method: 'DELETE', url: STABLE },
    { method: 'GET', url: `${STABLE}/history` },
    { method: 'POST', url: `${STABLE}/rollback` }
  ] as const) {
    const response = await call(request)
    t.equal(response.statusCode, 404)
    t.equal(response.json().code, 'CHANNEL_NOT_FOUND')
  }
  t.same((await call({ url: '/api/v1/images/lab/channels' })).json(), [])
})
