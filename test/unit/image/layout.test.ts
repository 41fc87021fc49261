import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import t from 'tap'
import { type Disk, nodeDisk } from '../../../server/image/disk.ts'
import { OciLayout } from '../../../server/image/layout.ts'
import { sha256 } from '../../../server/image/manifest.ts'
import { EMPTY_INDEX } from '../../../server/image/oci-index.ts'
import { filesIn } from '../../support/store.ts'

const DIGEST = sha256(Buffer.from('content'))

async function ready(dir: string, disk: Disk = nodeDisk): Promise<OciLayout> {
  const layout = new OciLayout(dir, disk)
  await layout.prepare()
  return layout
}

/** A disk that tells what it did, in paths from `dir`. */
function telling(dir: string): { readonly disk: Disk; readonly told: string[] } {
  const told: string[] = []
  const at = (path: string) => relative(dir, path).replace(/[0-9a-f]{64}/, '<digest>') || '.'
  const disk: Disk = {
    async create(path) {
      const file = await nodeDisk.create(path)
      return {
        write: (chunk) => file.write(chunk),
        async sync() {
          told.push(`sync ${at(path)}`)
          await file.sync()
        },
        close: () => file.close()
      }
    },
    async sync(path) {
      told.push(`sync ${at(path)}`)
      await nodeDisk.sync(path)
    },
    async rename(from, to) {
      told.push(`rename ${at(from)} ${at(to)}`)
      await nodeDisk.rename(from, to)
    },
    async remove(path) {
      told.push(`remove ${at(path)}`)
      await nodeDisk.remove(path)
    }
  }
  return { disk, told }
}

async function ingested(layout: OciLayout, content = 'content') {
  const path = join(layout.ingestDir, 'part')
  await writeFile(path, content)
  return { path, digest: DIGEST, sizeBytes: content.length }
}

t.test('a new directory becomes an image layout', async (t) => {
  const dir = t.testdir()
  const layout = await ready(dir)
  t.same(filesIn(dir), ['index.json', 'oci-layout'])
  t.equal(await readFile(join(dir, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}')
  t.same(await layout.readIndex(), EMPTY_INDEX)
  t.same(await layout.blobs(), [])
})

t.test('unfinished work goes when it is opened again', async (t) => {
  const dir = t.testdir()
  const layout = await ready(dir)
  await mkdir(join(layout.ingestDir, 'lab@1'))
  await ingested(layout)
  await ready(dir)
  t.same(filesIn(dir), ['index.json', 'oci-layout'])
})

t.test('a directory that is no store, or was one, is left alone', async (t) => {
  const blobs = t.testdir({ blobs: { sha256: { [DIGEST.slice(7)]: 'content' } } })
  await t.rejects(ready(blobs), { code: 'STORE_CORRUPT', message: /blobs and no index\.json/ })
  t.equal(filesIn(blobs).length, 1)
  await t.rejects(ready(t.testdir({ 'index.json': '{}' })), { code: 'STORE_CORRUPT', message: /no oci-layout/ })
  const damaged = await ready(t.testdir({ 'oci-layout': '{}', 'index.json': '{"schemaVersion":2,' }))
  await t.rejects(damaged.readIndex(), { code: 'STORE_CORRUPT', message: /index\.json cannot be read/ })
})

t.test('bytes are synced before their name, and names before the index that speaks of them', async (t) => {
  const dir = t.testdir()
  const { disk, told } = telling(dir)
  const layout = await ready(dir, disk)
  told.length = 0
  await layout.adopt([await ingested(layout)])
  await layout.writeIndex(EMPTY_INDEX)
  t.same(told, [
    'rename ingest/part blobs/sha256/<digest>',
    'sync blobs/sha256',
    'sync ingest/index.json',
    'rename ingest/index.json index.json',
    'sync .'
  ])
})

t.test('the same content again is no second copy; a blob of the wrong length is replaced', async (t) => {
  const dir = t.testdir()
  const layout = await ready(dir)
  await layout.adopt([await ingested(layout)])
  await layout.adopt([await ingested(layout)])
  t.same(await layout.blobs(), [DIGEST])
  t.notOk(filesIn(dir).some((file) => basename(file) === 'part'))
  await writeFile(layout.blobPath(DIGEST), 'cut')
  await layout.adopt([await ingested(layout)])
  t.equal(await layout.sizeOf(DIGEST), 7)
  t.equal((await layout.readBlob(DIGEST)).toString(), 'content')
})

t.test('an index that cannot be written leaves the old one, and nothing beside it', async (t) => {
  const dir = t.testdir()
  await ready(dir)
  const disk: Disk = { ...nodeDisk, rename: () => Promise.reject(new Error('EIO')) }
  const layout = new OciLayout(dir, disk)
  await t.rejects(layout.writeIndex(EMPTY_INDEX), { message: 'EIO' })
  t.same(filesIn(dir), ['index.json', 'oci-layout'])
})

t.test('absent blobs are a value; what is no digest is our own mistake', async (t) => {
  const layout = await ready(t.testdir())
  t.equal(await layout.sizeOf(DIGEST), undefined)
  await layout.removeBlobs([DIGEST])
  for (const digest of ['sha256:../../x', 'sha512:00', DIGEST.toUpperCase(), '']) {
    t.throws(() => layout.blobPath(digest), TypeError, digest)
  }
})
