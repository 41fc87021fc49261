import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { Catalog } from '../../../server/image/catalog.ts'
import { nodeDisk } from '../../../server/image/disk.ts'
import { OciLayout } from '../../../server/image/layout.ts'
import { encodeManifest, sha256 } from '../../../server/image/manifest.ts'
import { EMPTY_INDEX, type Index, type IndexEntry, refName, withEntry } from '../../../server/image/oci-index.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

async function put(layout: OciLayout, bytes: Buffer) {
  await writeFile(layout.blobPath(sha256(bytes)), bytes)
  return { digest: sha256(bytes), sizeBytes: bytes.length }
}

async function layoutIn(dir: string) {
  const layout = new OciLayout(dir, nodeDisk)
  await layout.prepare()
  const parts = {
    kernel: await put(layout, Buffer.from('kernel')),
    initrd: await put(layout, Buffer.from('initrd')),
    layers: [await put(layout, Buffer.from('layer'))]
  }
  const content = { ...parts, arguments: ['quiet'], notes: 'n' }
  const { manifest, config } = encodeManifest(content)
  await put(layout, config)
  const { digest, sizeBytes } = await put(layout, manifest)
  const add = (index: Index, image: string, version: string, publishedAt: string) =>
    withEntry(index, { image, version, mediaType: MANIFEST, digest, sizeBytes, publishedAt, warnings: ['w'] })
  return { layout, content, digest, add }
}

function watched() {
  const warned: string[] = []
  return { warned, log: { info: () => {}, warn: (_: object, message: string) => warned.push(message) } }
}

t.test('versions by image and time', async (t) => {
  const { layout, content, digest, add } = await layoutIn(t.testdir())
  const { log } = watched()
  const catalog = new Catalog(layout, log)
  t.same(catalog.list(), [])
  const index = [
    ['xfce', '1', '2026-01-01T00:00:00.000Z'],
    ['lab', '10', '2026-01-03T00:00:00.000Z'],
    ['lab', '9', '2026-01-02T00:00:00.000Z']
  ].reduce((index, [image = '', version = '', at = '']) => add(index, image, version, at), EMPTY_INDEX)
  await catalog.load(index)
  t.same(
    catalog.list().map(({ image, version }) => `${image} ${version}`),
    ['lab 9', 'lab 10', 'xfce 1']
  )
  const [lab] = catalog.list()
  t.same(lab, { image: 'lab', version: '9', digest, ...content, publishedAt: '2026-01-02T00:00:00.000Z' })
  t.equal(catalog.get({ image: 'lab', version: '9' }), lab)
  t.equal(catalog.get({ image: 'lab', version: '8' }), undefined)
  t.same(catalog.warnings({ image: 'lab', version: '9' }), ['w'])
  t.same(catalog.warnings({ image: 'lab', version: '8' }), [])
  t.equal(catalog.blobPath(content.kernel.digest), layout.blobPath(content.kernel.digest))
  t.equal(catalog.blobPath(digest), undefined, 'manifests are not for machines')
})

t.test('an entry that skopeo wrote has no time: the manifest was written when it was published here', async (t) => {
  const { layout, add } = await layoutIn(t.testdir())
  const { log } = watched()
  const catalog = new Catalog(layout, log)
  const index = add(EMPTY_INDEX, 'lab', '1', 'x')
  const manifests = index.manifests.map((entry): IndexEntry => {
    return { ...entry, annotations: { 'org.opencontainers.image.ref.name': refName({ image: 'lab', version: '1' }) } }
  })
  await catalog.load({ ...index, manifests })
  t.match(catalog.list()[0]?.publishedAt, /^20\d\d-\d\d-\d\dT.*Z$/)
})

t.test('what is not whole, or not ours, is left out and told', async (t) => {
  const { layout, content, add } = await layoutIn(t.testdir())
  const { log, warned } = watched()
  const index = add(EMPTY_INDEX, 'lab', '1', '2026-01-01T00:00:00.000Z')
  const foreign: IndexEntry = { mediaType: MANIFEST, digest: sha256(Buffer.from('x')), size: 1 }
  const catalog = new Catalog(layout, log)
  await catalog.load({ ...index, manifests: [foreign] })
  t.same([catalog.list(), warned], [[], []], 'another name: not ours, and no matter')
  const named = { ...foreign, annotations: { 'org.opencontainers.image.ref.name': 'lab:1' } }
  await catalog.load({ ...index, manifests: [named] })
  t.same([catalog.list(), warned.length], [[], 1], 'our name, and no manifest')
  await writeFile(layout.blobPath(content.layers[0]?.digest ?? ''), 'cut')
  await catalog.load(index)
  t.same([catalog.list(), warned.length], [[], 2], 'a layer of another length')
})

t.test('a disk that cannot be read is no absence', async (t) => {
  const { layout, add } = await layoutIn(t.testdir())
  const { log } = watched()
  layout.readBlob = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  const index = add(EMPTY_INDEX, 'lab', '1', '2026-01-01T00:00:00.000Z')
  await t.rejects(new Catalog(layout, log).load(index), { code: 'EIO' })
})
