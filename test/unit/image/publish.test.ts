import { PassThrough, Readable } from 'node:stream'
import { mksquashfs } from 'squashfs-tools-ts'
import t, { type Test } from 'tap'
import { type Disk, nodeDisk } from '../../../server/image/disk.ts'
import { sha256 } from '../../../server/image/manifest.ts'
import type { PartName } from '../../../server/image/publish.ts'
import type { ImageStore } from '../../../server/image/store.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { layer, superblock, tar } from '../../support/squashfs.ts'
import { bytes, filesIn, INITRD, KERNEL, LAYER, openStore, send, tools } from '../../support/store.ts'

const EMPTY = ['index.json', 'oci-layout']
const ROOT = tar([{ name: 'etc/hostname', content: 'lab\n', mtime: 1_000 }])

async function storeIn(t: Test, options: Parameters<typeof openStore>[1] = {}) {
  const dir = t.testdir()
  const store = await openStore(dir, options)
  t.teardown(() => store.close())
  return { dir, store }
}

function begin(store: ImageStore) {
  return store.begin('lab', '1')
}

t.test('parts come in chunks and are known by their digest', async (t) => {
  const { store } = await storeIn(t)
  const publication = begin(store)
  const part = await publication.addPart('kernel', bytes('MZ', ', in ', 'three'))
  t.same(part, { digest: sha256(Buffer.from('MZ, in three')), sizeBytes: 12 })
})

t.test('which parts make a version', async (t) => {
  const wrong: readonly (readonly [string, readonly PartName[], string])[] = [
    ['no kernel', ['initrd', 'layer'], 'PART_MISSING'],
    ['no initrd', ['kernel', 'layer'], 'PART_MISSING'],
    ['no root', ['kernel', 'initrd'], 'PART_MISSING'],
    ['two kernels', ['kernel', 'kernel'], 'PART_REPEATED'],
    ['two roots', ['root', 'root'], 'PART_REPEATED'],
    ['a root on a layer', ['layer', 'root'], 'PARTS_CONFLICT'],
    ['a layer on a root', ['root', 'layer'], 'PARTS_CONFLICT']
  ]
  const content = { kernel: KERNEL, initrd: INITRD, layer: LAYER, root: ROOT }
  for (const [what, names, code] of wrong) {
    const { dir, store } = await storeIn(t)
    const publication = begin(store)
    const publishing = (async () => {
      for (const name of names) await publication.addPart(name, bytes(content[name]))
      await publication.commit()
    })()
    await t.rejects(publishing, { name: 'PublishError', code }, what)
    t.same(filesIn(dir), EMPTY, `${what}: nothing is left`)
    t.doesNotThrow(() => begin(store), `${what}: the name is free`)
    await store.close()
  }
})

t.test('layers that no machine could mount', async (t) => {
  const wrong: readonly (readonly [string, Buffer, string])[] = [
    ['a kernel', KERNEL, 'NOT_SQUASHFS'],
    ['cut off', LAYER.subarray(0, -1), 'SQUASHFS_TRUNCATED'],
    ['cut off in the superblock', LAYER.subarray(0, 20), 'SQUASHFS_TRUNCATED'],
    ['version 3', superblock({ major: 3 }), 'SQUASHFS_UNSUPPORTED'],
    ['lzma', superblock({ compression: 2 }), 'SQUASHFS_UNSUPPORTED'],
    ['nothing', Buffer.alloc(0), 'PART_EMPTY']
  ]
  for (const [what, image, code] of wrong) {
    const { dir, store } = await storeIn(t)
    await t.rejects(
      begin(store).addPart('layer', bytes(image)),
      { name: 'PublishError', code, message: /^layer/ },
      what
    )
    t.same(filesIn(dir), EMPTY, what)
    await store.close()
  }
})

t.test('a root comes as a tar', async (t) => {
  const { store } = await storeIn(t)
  const publication = begin(store)
  await publication.addPart('kernel', bytes(KERNEL))
  await publication.addPart('initrd', bytes(INITRD))
  const root = await publication.addPart('root', bytes(ROOT))
  const { layers } = await publication.commit()
  t.same(layers, [root])
  const again = store.begin('lab', '2')
  t.same(await again.addPart('root', bytes(ROOT)), root, 'the same root again has the same digest')
  await again.abort()
  await t.rejects(store.begin('lab', '3').addPart('root', bytes(KERNEL)), { code: 'NOT_A_TAR' })
})

t.test('a disk that fills up while the squashfs is made', async (t) => {
  const full: typeof mksquashfs = () => Promise.reject(Object.assign(new Error('out of space'), { code: 'NO_SPACE' }))
  const { dir, store } = await storeIn(t, { squashfs: { ...tools, mksquashfs: full } })
  await t.rejects(begin(store).addPart('root', bytes(ROOT)), { name: 'PublishError', code: 'NO_SPACE' })
  t.same(filesIn(dir), EMPTY)
})

t.test('a disk that becomes read-only in the middle, and takes writes again', async (t) => {
  let fault = false
  const fail = () => Promise.reject(Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' }))
  const disk: Disk = {
    ...nodeDisk,
    create: async (path) => {
      const file = await nodeDisk.create(path)
      return { ...file, write: (chunk) => (fault ? fail() : file.write(chunk)) }
    },
    remove: (path) => (fault ? fail() : nodeDisk.remove(path))
  }
  const { store } = await storeIn(t, { disk })
  const publication = begin(store)
  await publication.addPart('kernel', bytes(KERNEL))
  fault = true
  await t.rejects(publication.addPart('initrd', bytes(INITRD)), { name: 'PublishError', code: 'STORE_READ_ONLY' })
  fault = false
  const again = begin(store)
  await again.addPart('kernel', bytes(KERNEL))
  await again.addPart('initrd', bytes(INITRD))
  await again.addPart('layer', bytes(LAYER))
  t.match(await again.commit(), { version: '1' }, "what the fault left behind is in nobody's way")
})

t.test('a sender that goes away', async (t) => {
  const { dir, store } = await storeIn(t)
  const stream = new PassThrough()
  const adding = begin(store).addPart('kernel', stream)
  stream.write('MZ')
  stream.destroy()
  await t.rejects(adding, { name: 'PublishError', code: 'UPLOAD_BROKEN', message: 'the upload ended early' })
  t.same(filesIn(dir), EMPTY)
})

t.test('a sender that says nothing for too long', async (t) => {
  const clock = new FakeClock()
  const { dir, store } = await storeIn(t, { clock, idleMs: 1_000 })
  const stream = new PassThrough()
  const publication = begin(store)
  const adding = publication.addPart('kernel', stream)
  adding.catch(() => {})
  clock.advance(600)
  stream.write('MZ')
  await settled()
  clock.advance(600)
  t.notOk(stream.destroyed, 'it spoke in between')
  clock.advance(1_500)
  await t.rejects(adding, { code: 'UPLOAD_IDLE', message: /nothing was sent for 1 s/ })
  t.ok(stream.destroyed)
  t.same(filesIn(dir), EMPTY)
  await t.rejects(publication.commit(), { code: 'UPLOAD_IDLE' })
})

t.test('a sender that never sends the next part', async (t) => {
  const clock = new FakeClock()
  const { dir, store } = await storeIn(t, { clock, idleMs: 1_000 })
  const publication = await send(begin(store))
  clock.advance(2_500)
  await publication.abort()
  t.same(filesIn(dir), EMPTY)
  await t.rejects(publication.addPart('layer', bytes(LAYER)), { code: 'UPLOAD_IDLE' })
})

t.test("our own slowness is not the sender's silence", async (t) => {
  const clock = new FakeClock()
  const slow: typeof mksquashfs = (options) => {
    clock.advance(100_000)
    return mksquashfs(options)
  }
  const { store } = await storeIn(t, { clock, idleMs: 1_000, squashfs: { ...tools, mksquashfs: slow } })
  await t.resolves(begin(store).addPart('root', bytes(ROOT)))
})

t.test('abort in the middle of a part', async (t) => {
  const { dir, store } = await storeIn(t)
  const stream = new PassThrough()
  const publication = begin(store)
  const adding = publication.addPart('layer', stream)
  stream.write(LAYER)
  await settled()
  const [, added] = await Promise.allSettled([publication.abort(), adding])
  t.match(added, { status: 'rejected', reason: { code: 'PUBLICATION_CLOSED' } })
  t.ok(stream.destroyed)
  t.same(filesIn(dir), EMPTY)
  await publication.abort()
  t.doesNotThrow(() => begin(store))
})

t.test('after the end there is nothing more to do', async (t) => {
  const { store } = await storeIn(t)
  const publication = await send(begin(store))
  await publication.commit()
  await t.rejects(publication.addPart('layer', bytes(LAYER)), { code: 'PUBLICATION_CLOSED' })
  await t.rejects(publication.commit(), { code: 'PUBLICATION_CLOSED' })
  await publication.abort()
  t.ok(store.get('lab', '1'), 'abort takes nothing back')
})

t.test('a broken disk is no mistake of the publisher', async (t) => {
  const { dir, store } = await storeIn(t, {
    squashfs: { ...tools, readSuperblock: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) }
  })
  await t.rejects(begin(store).addPart('layer', bytes(LAYER)), { name: 'Error', code: 'EIO' })
  t.same(filesIn(dir), EMPTY)
})

t.test('no part is held in memory', async (t) => {
  const { store } = await storeIn(t)
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let highest = 0
  const publication = begin(store)
  const before = process.memoryUsage.rss()
  const stream = Readable.from(
    (function* () {
      yield superblock({ bytesUsed: 96 })
      for (let sent = 0; sent < 2048; sent++) {
        highest = Math.max(highest, process.memoryUsage.rss() - before)
        yield Buffer.from(chunk)
      }
    })()
  )
  await publication.addPart('layer', stream)
  await publication.abort()
  t.ok(highest < 80 * 2 ** 20, `128 MiB went through with ${Math.round(highest / 2 ** 20)} MiB more`)
})

/** What was written to a stream has been read, hashed and written to the disk. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50))
}

t.test('layers keep their order', async (t) => {
  const { store } = await storeIn(t)
  const layers = [layer('bottom'), layer('middle'), layer('top')]
  const sizes = (await (await send(begin(store), { layers })).commit()).layers.map(({ sizeBytes }) => sizeBytes)
  t.same(
    sizes,
    layers.map((image) => image.length)
  )
})
