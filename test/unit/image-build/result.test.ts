import { appendFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readManifest, writeManifest } from '../../../server/image-build/result.ts'

const PARTS = { kernel: 'k', initrd: 'ii', 'root.squashfs': 'rrr' }
const FACTS = { key: 'k1', name: 'a', arguments: ['quiet'], packages: ['busybox amd64 1'] }

t.test('what was written is read back, with digests and sizes', async (t) => {
  const dir = t.testdir(PARTS)
  const written = await writeManifest(dir, FACTS)
  t.equal(written.parts.root.sizeBytes, 3)
  t.match(written.parts.kernel.digest, /^sha256:[0-9a-f]{64}$/)
  t.same(await readManifest(dir), written)
})

t.test('no build, half a build and a broken one are all built again', async (t) => {
  t.equal(await readManifest(t.testdir({})), undefined)
  const dir = t.testdir(PARTS)
  await writeManifest(dir, FACTS)
  appendFileSync(path.join(dir, 'initrd'), 'more')
  t.equal(await readManifest(dir), undefined)
  writeFileSync(path.join(dir, 'build.json'), '{"key": ')
  t.equal(await readManifest(dir), undefined)
})
