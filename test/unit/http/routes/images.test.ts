import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'
import { FakeStore } from '../../../fakes/image-store.ts'
import { fakeVersion } from '../../../fakes/versions.ts'

t.test('images with their versions, newest first, and their channels', async (t) => {
  const store = new FakeStore(
    fakeVersion('lab', 'b', '2026-01-01T00:00:00Z'),
    fakeVersion('lab', 'a', '2026-02-01T00:00:00Z'),
    fakeVersion('admin', '1')
  )
  const { call, channels } = await adminApp(t, { store })
  await channels.move({ image: 'lab', channel: 'stable' }, 'b', 'me')
  const stable = { image: 'lab', channel: 'stable', version: 'b', movedAt: '2026-11-21T01:42:00.000Z' }
  const lab = { name: 'lab', versions: ['a', 'b'], channels: [stable] }
  t.same((await call({ url: '/api/v1/images' })).json(), [{ name: 'admin', versions: ['1'], channels: [] }, lab])
  t.same((await call({ url: '/api/v1/images/lab' })).json(), lab)
})

t.test('none', async (t) => {
  const { call } = await adminApp(t)
  t.same((await call({ url: '/api/v1/images' })).json(), [])
  const response = await call({ url: '/api/v1/images/lab' })
  t.equal(response.statusCode, 404)
  t.equal(response.json().code, 'IMAGE_NOT_FOUND')
})
