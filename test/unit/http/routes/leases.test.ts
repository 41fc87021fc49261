import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

t.test('leases are listed, and forgotten on the record', async (t) => {
  const { call, database, leases } = await adminApp(t)
  t.same((await call({ url: '/api/v1/leases' })).json(), [])
  const facts = { mac: '52:54:00:00:00:01', state: 'bound', expiresAt: 2_000, updatedAt: 1_000, pool: 'lab' } as const
  await leases.save([{ ...facts, address: 0x0a000007, clientId: undefined, hostname: 'ws-01' }])
  t.same((await call({ url: '/api/v1/leases' })).json(), [{ ...facts, address: '10.0.0.7', hostname: 'ws-01' }])
  t.equal((await call({ method: 'DELETE', url: '/api/v1/leases/10.0.0.7' })).statusCode, 204)
  const again = await call({ method: 'DELETE', url: '/api/v1/leases/10.0.0.7' })
  t.equal(again.statusCode, 404)
  t.equal(again.json().code, 'LEASE_NOT_FOUND')
  const audited = await database
    .selectFrom('audit')
    .select(['action', 'target'])
    .where('action', 'like', 'lease.%')
    .execute()
  t.same(audited, [{ action: 'lease.remove', target: '10.0.0.7' }])
})

t.test('an address that is none', async (t) => {
  const { call } = await adminApp(t)
  t.match((await call({ method: 'DELETE', url: '/api/v1/leases/10.0.0' })).json(), {
    code: 'INVALID_REQUEST',
    errors: [{ field: 'params.address', message: 'must be an IPv4 address like 10.0.0.12' }]
  })
})
