import { join } from 'node:path'
import t from 'tap'
import { storedBlobs } from '../../server/blobs.ts'

t.test('a blob is a file with a size and a date; one that nobody has, or that was collected, is absent', async (t) => {
  const dir = t.testdir({ blob: 'seven b' })
  const paths: Record<string, string> = { 'sha256:a': join(dir, 'blob'), 'sha256:b': join(dir, 'collected') }
  const blob = storedBlobs((digest) => paths[digest])
  t.match(await blob('sha256:a'), { path: paths['sha256:a'], sizeBytes: 7, modifiedAt: Number })
  t.equal(await blob('sha256:b'), undefined)
  t.equal(await blob('sha256:c'), undefined)
})

t.test('a disk that can not be read is no absence', async (t) => {
  const dir = t.testdir({ file: '' })
  await t.rejects(async () => storedBlobs(() => join(dir, 'file/under'))('sha256:a'), { code: 'ENOTDIR' })
})
