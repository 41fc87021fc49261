import t from 'tap'
import { AdminFace } from '../../../server/http/admin-face.ts'
import { adminApp } from '../../fakes/admin.ts'

t.test('listens before anything is loaded, and answers whoever asks', async (t) => {
  const { deps } = await adminApp(t)
  const face = new AdminFace(deps)
  t.equal(face.port, 0)
  await face.listen('127.0.0.1', 0)
  t.teardown(() => face.close(0))
  const at = `http://127.0.0.1:${face.port}`
  t.equal((await fetch(`${at}/healthz`)).status, 200)
  t.equal((await fetch(`${at}/api/v1/hosts`)).status, 401)
  t.equal((await fetch(`${at}/documentation/json`)).status, 200)
})
