import t from 'tap'
import { collectImages } from '../../../server/metrics/images.ts'
import { fakeVersion } from '../../fakes/versions.ts'
import { reading } from '../../support/metrics.ts'

t.test('what versions share counts once', async (t) => {
  const other = { ...fakeVersion('lab', '2'), layers: [{ digest: `sha256:${'e'.repeat(64)}`, sizeBytes: 10 }] }
  const value = reading(await collectImages([fakeVersion('lab', '1'), other, fakeVersion('desk', '1')], t.testdir({})))
  t.equal(value('rootcast_images'), 2)
  t.equal(value('rootcast_image_versions'), 3)
  t.equal(value('rootcast_image_store_bytes'), 13)
  t.ok(Number(value('rootcast_image_store_free_bytes')) > 0)
})
