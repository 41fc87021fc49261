import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

const LAB = { name: 'lab', image: 'debian', channel: 'stable', arguments: ['quiet'] }

t.test('a group from its first day to its last', async (t) => {
  const { call } = await adminApp(t)
  const created = await call({ method: 'POST', url: '/api/v1/groups', payload: LAB })
  t.equal(created.statusCode, 201)
  t.equal(created.headers.location, '/api/v1/groups/lab')
  t.same(created.json(), LAB)
  t.same((await call({ url: '/api/v1/groups' })).json(), [LAB])
  t.equal((await call({ method: 'POST', url: '/api/v1/groups', payload: LAB })).json().code, 'GROUP_EXISTS')
  const changed = { name: 'lab', boot: 'local' }
  t.same((await call({ method: 'PUT', url: '/api/v1/groups/lab', payload: changed })).json(), changed)
  t.same((await call({ url: '/api/v1/groups/lab' })).json(), changed)
  t.equal((await call({ method: 'DELETE', url: '/api/v1/groups/lab' })).statusCode, 204)
  for (const method of ['GET', 'DELETE'] as const) {
    t.equal((await call({ method, url: '/api/v1/groups/lab' })).json().code, 'GROUP_NOT_FOUND')
  }
  t.equal((await call({ method: 'PUT', url: '/api/v1/groups/lab', payload: changed })).statusCode, 404)
})

t.test('a group with hosts is not forgotten, and says which', async (t) => {
  const { call } = await adminApp(t)
  await call({ method: 'POST', url: '/api/v1/groups', payload: LAB })
  await call({ method: 'POST', url: '/api/v1/hosts', payload: { name: 'ws-01', mac: '525400000001', group: 'lab' } })
  const response = await call({ method: 'DELETE', url: '/api/v1/groups/lab' })
  t.equal(response.statusCode, 409)
  t.match(response.json(), { code: 'GROUP_IN_USE', usedBy: ['host ws-01'] })
})

t.test('a group keeps its name', async (t) => {
  const { call } = await adminApp(t)
  await call({ method: 'POST', url: '/api/v1/groups', payload: LAB })
  const response = await call({ method: 'PUT', url: '/api/v1/groups/lab', payload: { ...LAB, name: 'other' } })
  t.equal(response.statusCode, 400)
  t.same(response.json().errors, [{ field: 'body.name', message: 'must be lab: a group keeps its name' }])
})
