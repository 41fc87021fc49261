import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

t.test('a token is made, works within its scope, and ends', async (t) => {
  const { call, app } = await adminApp(t)
  const made = await call({ method: 'POST', url: '/api/v1/tokens', payload: { name: 'ci', scope: 'read' } })
  t.equal(made.statusCode, 201)
  t.equal(made.headers['cache-control'], 'no-store')
  const { id, token } = made.json()
  const authorization = `Bearer ${token}`
  const hosts = () => app.inject({ url: '/api/v1/hosts', headers: { authorization } })
  t.equal((await hosts()).statusCode, 200)
  const refused = await app.inject({ url: '/api/v1/tokens', headers: { authorization } })
  t.equal(refused.statusCode, 403)
  t.equal(refused.json().code, 'SCOPE_INSUFFICIENT')
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="rootcast", error="insufficient_scope", scope="admin"')
  const listed = await call({ url: '/api/v1/tokens' })
  t.match(
    listed.json().find((each: { id: string }) => each.id === id),
    { name: 'ci', scope: 'read', createdAt: '2026-11-21T01:42:00.000Z', lastUsedAt: '2026-11-21T01:42:00.000Z' }
  )
  t.notMatch(listed.body, token)
  t.equal((await call({ method: 'DELETE', url: `/api/v1/tokens/${id}` })).statusCode, 204)
  t.equal((await hosts()).statusCode, 401)
  t.equal((await call({ method: 'DELETE', url: `/api/v1/tokens/${id}` })).json().code, 'TOKEN_NOT_FOUND')
})

t.test('the last admin token stays', async (t) => {
  const { call, tokens } = await adminApp(t)
  const id = tokens.list().find(({ scope }) => scope === 'admin')?.id
  t.equal((await call({ method: 'DELETE', url: `/api/v1/tokens/${id}` })).json().code, 'LAST_ADMIN_TOKEN')
})

t.test('a scope that is none', async (t) => {
  const { call } = await adminApp(t)
  const response = await call({ method: 'POST', url: '/api/v1/tokens', payload: { name: 'ci', scope: 'root' } })
  t.same(response.json().errors, [{ field: 'body.scope', message: 'must be one of metrics, read, publish, admin' }])
})
