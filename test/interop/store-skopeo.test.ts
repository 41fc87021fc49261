// skopeo as the foreign reader and writer of our image layout.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { refName } from '../../server/image/oci-index.ts'
import { layer } from '../support/squashfs.ts'
import { damagedBlobs, filesIn, KERNEL, openStore, send } from '../support/store.ts'

const run = promisify(execFile)
const skopeo = async (...args: readonly string[]) => (await run('skopeo', args)).stdout
const copy = (from: string, to: string) => skopeo('copy', '--quiet', from, to)
const sha256 = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** An initrd that is gzip, as skopeo looks into layers to see whether they are compressed. */
const SENT = { kernel: KERNEL, initrd: gzipSync('070701'), layers: [layer('bottom'.repeat(50_000)), layer('top')] }

t.test(
  'what is published here, skopeo reads, copies away and brings back into another store, byte for byte',
  async (t) => {
    const dir = t.testdir({ ours: {}, away: {}, theirs: {} })
    const ours = await openStore(join(dir, 'ours'))
    t.teardown(() => ours.close())
    const published = await (await send(ours.begin('lab', '1.0'), SENT)).commit({
      notes: 'first',
      arguments: ['quiet']
    })

    const raw = await skopeo('inspect', '--raw', `oci:${dir}/ours:lab:1.0`)
    t.equal(sha256(raw), published.digest)
    t.match(JSON.parse(raw), { artifactType: 'application/vnd.rootcast.version.v1' })

    await copy(`oci:${dir}/ours:lab:1.0`, `dir:${dir}/away`)
    t.equal(sha256(readFileSync(join(dir, 'away', 'manifest.json'))), published.digest)
    for (const blob of [published.kernel, published.initrd, ...published.layers]) {
      t.equal(sha256(readFileSync(join(dir, 'away', blob.digest.slice(7)))), blob.digest)
    }

    await copy(`dir:${dir}/away`, `oci:${dir}/theirs:lab:1.0`)
    const theirs = await openStore(join(dir, 'theirs'))
    t.teardown(() => theirs.close())
    const [brought] = theirs.list()
    t.same({ ...brought, publishedAt: published.publishedAt }, published)
    t.same(damagedBlobs(join(dir, 'theirs')), [])
  }
)

t.test('into a store that is in use: seen after a refresh, and removed like any other', async (t) => {
  const dir = t.testdir({ from: {}, to: {} })
  const [from, to] = [await openStore(join(dir, 'from')), await openStore(join(dir, 'to'))]
  t.teardown(() => Promise.all([from.close(), to.close()]))
  await (await send(from.begin('lab', '2'), SENT)).commit()
  await (await send(to.begin('lab', '1'))).commit()
  const files = filesIn(join(dir, 'to'))
  await copy(`oci:${dir}/from:lab:2`, `oci:${dir}/to:lab:2`)
  await to.refresh()
  t.match(
    to
      .list()
      .map(({ version }) => version)
      .sort(),
    ['1', '2']
  )
  await (await send(to.begin('lab', '3'))).commit()
  t.equal(to.list().length, 3, 'publishing here loses nothing that came from there')
  await to.remove('lab', '2')
  await to.remove('lab', '3')
  t.same(filesIn(join(dir, 'to')), files)
})

t.test('every name that we allow is one that skopeo takes', async (t) => {
  const dir = t.testdir({ store: {} })
  const store = await openStore(join(dir, 'store'))
  t.teardown(() => store.close())
  const names = [
    { image: 'lab', version: '1.2~bpo12+1' },
    { image: 'a---b-', version: '1..2.' },
    { image: 'debian-12', version: '20260101T010203Z' }
  ]
  for (const name of names) {
    const { digest } = await (await send(store.begin(name.image, name.version))).commit()
    t.equal(sha256(await skopeo('inspect', '--raw', `oci:${dir}/store:${refName(name)}`)), digest, refName(name))
  }
})

t.test('an image of containers in our layout is none of our versions, and keeps its bytes', async (t) => {
  const dir = t.testdir({ store: {}, container: {} })
  await (await openStore(join(dir, 'store'))).close()
  await containerImage(join(dir, 'container'))
  await copy(`dir:${dir}/container`, `oci:${dir}/store:busybox:1`)
  const files = filesIn(join(dir, 'store'))
  const store = await openStore(join(dir, 'store'))
  t.teardown(() => store.close())
  t.same(store.list(), [])
  await (await send(store.begin('lab', '1'))).commit()
  await store.remove('lab', '1')
  t.same(filesIn(join(dir, 'store')), files)
  await copy(`oci:${dir}/store:busybox:1`, `dir:${dir}/container`)
})

/** The smallest image that a container runtime would take, as skopeo's `dir:` keeps one. */
async function containerImage(dir: string): Promise<void> {
  const tarball = gzipSync(Buffer.alloc(1024))
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [sha256(Buffer.alloc(1024))] }
    })
  )
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256(bytes), size: bytes.length })
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', tarball)]
  }
  await writeFile(join(dir, 'version'), 'Directory Transport Version: 1.1\n')
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest))
  for (const bytes of [config, tarball]) await writeFile(join(dir, sha256(bytes).slice(7)), bytes)
}
