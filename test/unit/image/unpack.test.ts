import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { cat, list, mksquashfs } from 'squashfs-tools-ts'
import t from 'tap'
import { rootFormat, tarToSquashfs } from '../../../server/image/unpack.ts'
import { superblock, tar } from '../../support/squashfs.ts'

const ROOT = tar([
  { name: './', type: '5', mtime: 1_000 },
  { name: './etc/hostname', content: 'lab\n', mtime: 2_000 },
  { name: './noise', content: Buffer.alloc(300_000, 'not all the same'), mtime: 1_500 }
])

async function unpack(dir: string, upload: Buffer, signal = new AbortController().signal): Promise<string> {
  const paths = { upload: join(dir, 'upload'), destination: join(dir, 'image') }
  await writeFile(paths.upload, upload)
  await tarToSquashfs({ ...paths, mksquashfs, packing: { compression: 'zstd', level: 1 }, signal })
  return paths.destination
}

t.test('formats by their magic', async (t) => {
  const formats = ['1f8b08', '28b52ffd', 'fd377a585a00', '425a68', '68737173', '504b0304', '2e2f', ''].map((hex) =>
    rootFormat(Buffer.from(hex, 'hex'))
  )
  t.same(formats, ['gzip', 'zstd', 'xz', 'bzip2', 'squashfs', 'zip', 'tar', 'tar'])
})

t.test('tar, tar.gz and tar.zst give the same squashfs, and so do several members or frames', async (t) => {
  const dir = t.testdir()
  const [first, second] = [ROOT.subarray(0, 100_000), ROOT.subarray(100_000)]
  const image = await unpack(dir, ROOT)
  t.equal((await cat(image, 'etc/hostname')).toString(), 'lab\n')
  t.match((await list(image))[0], { path: '', mode: 'rwxr-xr-x' })
  const expected = await readFile(image)
  const uploads = {
    gzip: gzipSync(ROOT),
    zstd: zstdCompressSync(ROOT),
    'gzip members': Buffer.concat([gzipSync(first), gzipSync(second)]),
    'zstd frames': Buffer.concat([zstdCompressSync(first), zstdCompressSync(second)])
  }
  for (const [what, upload] of Object.entries(uploads))
    t.same(await readFile(await unpack(dir, upload)), expected, what)
})

t.test('what is not taken, or not whole', async (t) => {
  const dir = t.testdir()
  const refused = {
    xz: Buffer.from('fd377a585a000000', 'hex'),
    squashfs: superblock(),
    zip: Buffer.from('PK\x03\x04'),
    noise: Buffer.alloc(2048, 'noise'),
    'an empty tar': Buffer.alloc(10_240),
    'half a tar': ROOT.subarray(0, 200_000),
    'half a gzip': gzipSync(ROOT).subarray(0, 300),
    'half a zstd': zstdCompressSync(ROOT).subarray(0, 40),
    'a gzip of noise': gzipSync(Buffer.alloc(2048, 'noise'))
  }
  for (const [what, upload] of Object.entries(refused)) {
    await t.rejects(unpack(dir, upload), { name: 'PublishError', code: 'NOT_A_TAR', message: /^root: / }, what)
  }
})

t.test('an aborted one rejects with the reason, and never begins', async (t) => {
  const reason = new Error('enough')
  for (const upload of [ROOT, gzipSync(ROOT), zstdCompressSync(ROOT)]) {
    await t.rejects(unpack(t.testdir(), upload, AbortSignal.abort(reason)), { message: 'enough' })
  }
})

t.test('without the zstd program it says so', async (t) => {
  const path = process.env.PATH
  process.env.PATH = ''
  t.teardown(() => {
    process.env.PATH = path
  })
  await t.rejects(unpack(t.testdir(), zstdCompressSync(ROOT)), { code: 'TOOL_MISSING', message: /zstd/ })
})
