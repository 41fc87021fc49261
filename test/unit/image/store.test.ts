import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Disk, nodeDisk } from '../../../server/image/disk.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { layer } from '../../support/squashfs.ts'
import { bytes, damagedBlobs, filesIn, INITRD, KERNEL, LAYER, openStore, send } from '../../support/store.ts'

const EMPTY = ['index.json', 'oci-layout']
const digest = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`
const blobFile = (content: Buffer) => join('blobs', 'sha256', digest(content).slice(7))

t.test('publish, list, get, find its bytes, open again', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir, { clock: new FakeClock(Date.UTC(2026, 0, 2)) })
  t.same(store.list(), [])
  const publication = await send(store.begin('lab', '1.0'))
  t.equal(store.get('lab', '1.0'), undefined, 'nobody sees it before commit')
  const version = await publication.commit({ notes: 'first', arguments: ['quiet'] })
  t.match(version, {
    image: 'lab',
    version: '1.0',
    digest: /^sha256:[0-9a-f]{64}$/,
    kernel: { digest: digest(KERNEL), sizeBytes: KERNEL.length },
    initrd: { digest: digest(INITRD), sizeBytes: INITRD.length },
    layers: [{ digest: digest(LAYER), sizeBytes: LAYER.length }],
    arguments: ['quiet'],
    notes: 'first',
    publishedAt: '2026-01-02T00:00:00.000Z'
  })
  t.same(store.list(), [version])
  t.same(readFileSync(store.blobPath(digest(LAYER)) ?? ''), LAYER)
  t.equal(store.blobPath(digest(Buffer.from('other'))), undefined)
  await store.close()
  const again = await openStore(dir)
  t.teardown(() => again.close())
  t.same(again.list(), [version])
  t.same(damagedBlobs(dir), [])
})

t.test('the same content again: the same digest, and no second copy', async (t) => {
  const dir = t.testdir()
  const clock = new FakeClock()
  const store = await openStore(dir, { clock })
  t.teardown(() => store.close())
  const first = await (await send(store.begin('lab', '1'))).commit()
  const files = filesIn(dir)
  clock.advance(5_000)
  const second = await (await send(store.begin('lab', '2'))).commit()
  t.equal(second.digest, first.digest)
  t.not(second.publishedAt, first.publishedAt)
  t.same(filesIn(dir), files)
})

t.test('names are checked here too', async (t) => {
  const store = await openStore(t.testdir())
  t.teardown(() => store.close())
  for (const name of ['..', '../x', '/etc', 'a/b', 'a\0b', '', '.', 'a\n']) {
    t.throws(() => store.begin(name, '1'), { name: 'PublishError', code: 'NAME_INVALID' }, name)
    t.throws(() => store.begin('lab', name), { code: 'NAME_INVALID' }, name)
    t.equal(store.get(name, name), undefined)
    await t.rejects(store.remove(name, name), { code: 'VERSION_NOT_FOUND' })
    t.equal(store.blobPath(name), undefined)
  }
})

t.test('two publishers of one version: the second is refused, whenever it comes', async (t) => {
  const store = await openStore(t.testdir())
  t.teardown(() => store.close())
  const first = store.begin('lab', '1')
  t.throws(() => store.begin('lab', '1'), { code: 'VERSION_BEING_PUBLISHED' })
  const other = store.begin('lab', '2')
  await send(first)
  const committing = first.commit()
  t.throws(() => store.begin('lab', '1'), { code: 'VERSION_BEING_PUBLISHED' })
  await committing
  t.throws(() => store.begin('lab', '1'), { code: 'VERSION_EXISTS' })
  await (await send(other)).commit()
  t.equal(store.list().length, 2)
})

t.test('many publishers of different versions at once, some of the same bytes, while others are removed', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  t.teardown(() => store.close())
  for (let i = 0; i < 5; i++) await (await send(store.begin('old', `${i}`))).commit()
  const publish = async (i: number) => {
    const publication = await send(store.begin('lab', `${i}`), { layers: [LAYER, layer(`top ${i % 3}`)] })
    await publication.commit()
  }
  const numbers = Array.from({ length: 10 }, (_, i) => i)
  await Promise.all([...numbers.map(publish), ...numbers.slice(0, 5).map((i) => store.remove('old', `${i}`))])
  t.equal(store.list().length, 10)
  t.same(damagedBlobs(dir), [])
  for (const version of store.list()) {
    for (const blob of [version.kernel, version.initrd, ...version.layers]) {
      t.equal(readFileSync(store.blobPath(blob.digest) ?? '').length, blob.sizeBytes)
    }
  }
})

t.test('what only the removed version named goes with it', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  t.teardown(() => store.close())
  const top = layer('only in 2')
  await (await send(store.begin('lab', '1'))).commit()
  const files = filesIn(dir)
  await (await send(store.begin('lab', '2'), { layers: [LAYER, top] })).commit()
  t.ok(filesIn(dir).includes(blobFile(top)))
  await store.remove('lab', '2')
  t.same(filesIn(dir), files)
  t.equal(store.blobPath(digest(top)), undefined)
  t.ok(store.blobPath(digest(LAYER)))
  await t.rejects(store.remove('lab', '2'), { name: 'StoreError', code: 'VERSION_NOT_FOUND' })
  await store.remove('lab', '1')
  t.same(filesIn(dir), EMPTY)
})

t.test('a publication in progress loses nothing to a removal of the same bytes', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  t.teardown(() => store.close())
  await (await send(store.begin('lab', '1'))).commit()
  const publication = await send(store.begin('lab', '2'))
  const [version] = await Promise.all([publication.commit(), store.remove('lab', '1')])
  t.same(store.list(), [version])
  t.same(readFileSync(store.blobPath(digest(LAYER)) ?? ''), LAYER)
})

t.test('a full disk, at every single step of a publication', async (t) => {
  const dir = t.testdir()
  const budget = { left: Number.POSITIVE_INFINITY }
  const store = await openStore(dir, { disk: fillingUp(budget) })
  t.teardown(() => store.close())
  await (await send(store.begin('lab', 'before'))).commit()
  const files = filesIn(dir)
  const before = store.list()
  let failures = 0
  for (let steps = 0; ; steps++, failures++) {
    budget.left = steps
    const publication = store.begin('lab', 'new')
    const publishing = send(publication, { layers: [LAYER, layer('new')] }).then(() => publication.commit())
    const outcome = await publishing.then(
      () => 'published',
      (error: unknown) => error
    )
    budget.left = Number.POSITIVE_INFINITY
    if (outcome === 'published') break
    t.match(outcome, { name: 'PublishError', code: 'NO_SPACE' }, `after ${steps} steps`)
    t.same(filesIn(dir), files, `after ${steps} steps nothing is left behind`)
    t.same(store.list(), before)
  }
  t.ok(failures > 15, `${failures} steps failed`)
  t.ok(store.get('lab', 'new'))
  t.same(damagedBlobs(dir), [])
})

t.test('a disk that breaks between the index and its sync: memory and disk agree on what is there', async (t) => {
  const dir = t.testdir()
  let broken = false
  const sync = (path: string) => (broken && path === dir ? Promise.reject(new Error('EIO')) : nodeDisk.sync(path))
  const store = await openStore(dir, { disk: { ...nodeDisk, sync } })
  const publication = await send(store.begin('lab', '1'))
  broken = true
  await t.rejects(publication.commit(), { message: 'EIO' })
  await store.close()
  const again = await openStore(dir)
  t.teardown(() => again.close())
  t.same(again.list(), store.list())
  t.same(damagedBlobs(dir), [])
})

t.test('what a process left that died before its index was written goes when the store is opened', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  await (await send(store.begin('lab', '1'))).commit()
  const files = filesIn(dir)
  await store.close()
  writeFileSync(join(dir, blobFile(Buffer.from('orphan'))), 'orphan')
  writeFileSync(join(dir, 'ingest', 'index.json'), '{')
  await (await openStore(dir)).close()
  t.same(filesIn(dir), files)
})

t.test('an index that cannot be read removes nothing', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  await (await send(store.begin('lab', '1'))).commit()
  await store.close()
  writeFileSync(join(dir, 'index.json'), '{"schemaVersion":2,"manif')
  const files = filesIn(dir)
  await t.rejects(openStore(dir), { name: 'StoreError', code: 'STORE_CORRUPT' })
  rmSync(join(dir, 'index.json'))
  await t.rejects(openStore(dir), { code: 'STORE_CORRUPT' })
  t.same(
    filesIn(dir),
    files.filter((file) => file !== 'index.json')
  )
})

t.test('a version whose layer was lost is left out; the others stay', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  await (await send(store.begin('lab', '1'))).commit()
  await (await send(store.begin('lab', '2'), { layers: [layer('lost')] })).commit()
  await store.close()
  rmSync(join(dir, blobFile(layer('lost'))))
  const warned: string[] = []
  const again = await openStore(dir, { log: { info: () => {}, warn: (_, message) => warned.push(message) } })
  t.teardown(() => again.close())
  t.match(again.list(), [{ version: '1' }])
  t.match(warned, [/version left out/])
})

t.test('one process at a time', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  await t.rejects(openStore(dir), { code: 'STORE_LOCKED' })
  await store.close()
  await (await openStore(dir)).close()
})

t.test('close gives up what is in progress', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  const publication = await send(store.begin('lab', '1'))
  await store.close()
  t.same(filesIn(dir), EMPTY)
  await t.rejects(publication.commit(), { code: 'PUBLICATION_CLOSED' })
})

t.test('warnings are kept with the version, outside of its digest', async (t) => {
  const dir = t.testdir()
  const store = await openStore(dir)
  const publication = await send(store.begin('lab', '1'), { kernel: Buffer.from('#!/bin/sh') })
  await publication.commit()
  t.match(publication.warnings, [/^kernel: neither a bzImage/])
  await store.close()
  const again = await openStore(dir)
  t.teardown(() => again.close())
  t.same(again.warnings('lab', '1'), publication.warnings)
  t.same(again.warnings('lab', '2'), [])
})

t.test('refresh sees what another tool wrote', async (t) => {
  const [ours, theirs] = [t.testdir({ ours: {}, theirs: {} }), 'theirs']
  const [store, other] = [await openStore(join(ours, 'ours')), await openStore(join(ours, theirs))]
  t.teardown(() => Promise.all([store.close(), other.close()]))
  await (await send(other.begin('lab', '1'))).commit()
  for (const file of filesIn(join(ours, theirs))) {
    writeFileSync(join(ours, 'ours', file), readFileSync(join(ours, theirs, file)))
  }
  t.same(store.list(), [])
  await store.refresh()
  t.same(store.list(), other.list())
})

t.test('a stream that holds nothing back: the part as a whole', async (t) => {
  const store = await openStore(t.testdir())
  t.teardown(() => store.close())
  const publication = store.begin('lab', '1')
  t.same(await publication.addPart('kernel', bytes('MZ'), 'vmlinuz'), {
    digest: digest(Buffer.from('MZ')),
    sizeBytes: 2
  })
})

/** A disk with room for so many more steps. Then writing fails for good, and a sync or a rename fails once. */
function fillingUp(budget: { left: number }): Disk {
  const step = (leftAfterFailure = 0) => {
    budget.left -= 1
    if (budget.left >= 0) return
    budget.left = leftAfterFailure
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  return {
    async create(path) {
      step()
      const file = await nodeDisk.create(path)
      return {
        async write(chunk) {
          step()
          await file.write(chunk)
        },
        async sync() {
          step()
          await file.sync()
        },
        close: () => file.close()
      }
    },
    async sync(path) {
      step(Number.POSITIVE_INFINITY)
      await nodeDisk.sync(path)
    },
    async rename(from, to) {
      step(Number.POSITIVE_INFINITY)
      await nodeDisk.rename(from, to)
    },
    remove: nodeDisk.remove
  }
}
