import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { collect, namedBy } from '../../../server/image/collect.ts'
import { nodeDisk } from '../../../server/image/disk.ts'
import { OciLayout } from '../../../server/image/layout.ts'
import { sha256 } from '../../../server/image/manifest.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'

/** A layout without the store around it: blobs by content. */
async function layoutWith(dir: string, ...contents: readonly string[]) {
  await mkdir(join(dir, 'blobs', 'sha256'), { recursive: true })
  for (const content of contents)
    await writeFile(join(dir, 'blobs', 'sha256', sha256(Buffer.from(content)).slice(7)), content)
  return new OciLayout(dir, nodeDisk)
}

const digest = (content: string) => sha256(Buffer.from(content))
const descriptor = (content: string, mediaType = 'x/y') => ({
  mediaType,
  digest: digest(content),
  size: content.length
})
const index = (...manifests: readonly ReturnType<typeof descriptor>[]) => ({
  schemaVersion: 2 as const,
  manifests: [...manifests]
})

t.test('every descriptor, at any depth, whatever its field is called', async (t) => {
  const json = { config: descriptor('a'), layers: [descriptor('b')], x: { y: [{ subject: descriptor('c') }] } }
  t.same(
    namedBy(Buffer.from(JSON.stringify(json)))?.map(({ digest }) => digest),
    [digest('a'), digest('b'), digest('c')]
  )
  t.equal(namedBy(Buffer.from('hsqs')), undefined)
  t.same(namedBy(Buffer.from('null')), [])
})

t.test('what nobody names goes, and only of what was asked about', async (t) => {
  const manifest = JSON.stringify({ layers: [descriptor('kept')] })
  const layout = await layoutWith(t.testdir(), manifest, 'kept', 'unwanted', 'unasked')
  const asked = [manifest, 'kept', 'unwanted'].map(digest)
  t.same(await collect(layout, index(descriptor(manifest, MANIFEST)), asked), {
    removed: [digest('unwanted')],
    unreadable: []
  })
  t.same((await layout.blobs()).sort(), [manifest, 'kept', 'unasked'].map(digest).sort())
})

t.test('an image for several platforms, which another tool put there, keeps all that is below it', async (t) => {
  const manifest = JSON.stringify({ config: descriptor('config'), layers: [descriptor('deep')] })
  const several = JSON.stringify({ manifests: [descriptor(manifest, MANIFEST)] })
  const layout = await layoutWith(t.testdir(), several, manifest, 'config', 'deep', 'unwanted')
  const { removed } = await collect(layout, index(descriptor(several, INDEX)), await layout.blobs())
  t.same(removed, [digest('unwanted')])
})

t.test('a manifest that is not there: nobody knows what it names, so nothing goes', async (t) => {
  const dir = t.testdir()
  const layout = await layoutWith(dir, 'unwanted', 'no JSON')
  for (const content of ['lost', 'no JSON']) {
    t.same(await collect(layout, index(descriptor(content, MANIFEST)), [digest('unwanted')]), {
      removed: [],
      unreadable: [digest(content)]
    })
  }
  t.equal((await readdir(join(dir, 'blobs', 'sha256'))).length, 2)
})
