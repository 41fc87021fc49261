import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

t.test('who changed what, newest first, page by page', async (t) => {
  const { call } = await adminApp(t)
  await call({ method: 'POST', url: '/api/v1/groups', payload: { name: 'lab' } })
  await call({ method: 'DELETE', url: '/api/v1/groups/lab' })
  const page = (await call({ url: '/api/v1/audit?limit=1' })).json()
  t.match(page, [
    { actor: /^admin \([0-9a-f]{16}\)$/, action: 'group.remove', target: 'lab', at: '2026-11-21T01:42:00.000Z' }
  ])
  const next = (await call({ url: `/api/v1/audit?limit=1&before=${page[0].id}` })).json()
  t.match(next, [{ action: 'group.create', target: 'lab', details: { name: 'lab' } }])
})
