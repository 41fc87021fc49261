import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { NotSquashfs, TruncatedSquashfs, UnsupportedSquashfs } from '../../../server/squashfs-tools-ts/errors.ts'
import { mksquashfs } from '../../../server/squashfs-tools-ts/mksquashfs.ts'
import { parseSuperblock, readSuperblock } from '../../../server/squashfs-tools-ts/superblock.ts'
import { layer, superblock } from '../../support/squashfs.ts'

t.test('every field', async (t) => {
  t.same(parseSuperblock(superblock({ flags: 0x00c0, bytesUsed: 2 ** 33 })), {
    version: '4.0',
    compression: 'zstd',
    blockSizeBytes: 131_072,
    bytesUsed: 2 ** 33,
    inodes: 7,
    fragments: 2,
    mkfsTime: 1_767_225_600,
    flags: ['duplicates-removed', 'exportable']
  })
})

t.test('compressions by id', async (t) => {
  const names = [1, 2, 3, 4, 5, 6].map((compression) => parseSuperblock(superblock({ compression })).compression)
  t.same(names, ['gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'])
  t.throws(() => parseSuperblock(superblock({ compression: 7 })), UnsupportedSquashfs)
})

t.test('a view into a larger buffer', async (t) => {
  const larger = Buffer.concat([Buffer.alloc(13), superblock()])
  t.equal(parseSuperblock(larger.subarray(13)).bytesUsed, 96)
})

t.test('what is no squashfs, or none that Linux mounts', async (t) => {
  t.throws(() => parseSuperblock(Buffer.from('MZ, a kernel')), NotSquashfs)
  t.throws(() => parseSuperblock(Buffer.alloc(0)), NotSquashfs)
  t.throws(() => parseSuperblock(superblock({ blockSizeBytes: 1000 })), NotSquashfs)
  t.throws(() => parseSuperblock(superblock({ blockSizeBytes: 2 ** 21, blockLog: 21 })), NotSquashfs)
  t.throws(() => parseSuperblock(superblock({ bytesUsed: 10 })), NotSquashfs)
  t.throws(() => parseSuperblock(superblock({ magic: 'sqsh' })), UnsupportedSquashfs)
  t.throws(() => parseSuperblock(superblock({ major: 3, minor: 1 })), UnsupportedSquashfs)
})

t.test('truncated in the superblock and behind it', async (t) => {
  t.throws(() => parseSuperblock(superblock().subarray(0, 50)), TruncatedSquashfs)
  t.throws(() => parseSuperblock(superblock({ bytesUsed: 4097 }), 4096), TruncatedSquashfs)
  t.equal(parseSuperblock(superblock({ bytesUsed: 4096 }), 4096).bytesUsed, 4096)
})

t.test('from a file: its length counts', async (t) => {
  const file = join(t.testdir(), 'image')
  await writeFile(file, layer('content'))
  t.equal((await readSuperblock(file)).bytesUsed, 103)
  await truncate(file, 102)
  await t.rejects(readSuperblock(file), { code: 'SQUASHFS_TRUNCATED', expectedBytes: 103, actualBytes: 102 })
  await t.rejects(readSuperblock(`${file}.none`), { code: 'ENOENT' })
})

t.test('what mksquashfs writes', async (t) => {
  const dir = t.testdir({ root: { file: 'hello' } })
  for (const compression of ['gzip', 'xz', 'lz4', 'lzo', 'zstd'] as const) {
    const image = join(dir, compression)
    await mksquashfs({
      source: join(dir, 'root'),
      destination: image,
      compression,
      mkfsTime: 77,
      blockSizeBytes: 65_536
    })
    t.match(await readSuperblock(image), { compression, mkfsTime: 77, blockSizeBytes: 65_536, inodes: 2 })
  }
})
