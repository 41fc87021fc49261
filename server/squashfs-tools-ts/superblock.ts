// The squashfs 4.0 superblock: 96 bytes, little-endian, at the start of the image (Linux: fs/squashfs/squashfs_fs.h).
import { open } from 'node:fs/promises'
import { NotSquashfs, TruncatedSquashfs, UnsupportedSquashfs } from './errors.ts'

export const SUPERBLOCK_BYTES = 96

const MAGIC = 0x73717368 // `hsqs`
const MAGIC_BIG_ENDIAN = 0x68737173 // `sqsh`: squashfs before 4.0 on big-endian machines

const COMPRESSIONS = new Map([
  [1, 'gzip'],
  [2, 'lzma'],
  [3, 'lzo'],
  [4, 'xz'],
  [5, 'lz4'],
  [6, 'zstd']
] as const)

export type Compression = 'gzip' | 'lzma' | 'lzo' | 'xz' | 'lz4' | 'zstd'

const FLAGS = [
  [0x0001, 'uncompressed-inodes'],
  [0x0002, 'uncompressed-data'],
  [0x0008, 'uncompressed-fragments'],
  [0x0010, 'no-fragments'],
  [0x0020, 'always-fragments'],
  [0x0040, 'duplicates-removed'],
  [0x0080, 'exportable'],
  [0x0100, 'uncompressed-xattrs'],
  [0x0200, 'no-xattrs'],
  [0x0400, 'compressor-options'],
  [0x0800, 'uncompressed-ids']
] as const

export type SuperblockFlag = (typeof FLAGS)[number][1]

export interface Superblock {
  readonly version: '4.0'
  readonly compression: Compression
  readonly blockSizeBytes: number
  /** What the file system needs; the file may be longer, by padding to 4 KiB. */
  readonly bytesUsed: number
  readonly inodes: number
  readonly fragments: number
  /** Seconds since 1970. */
  readonly mkfsTime: number
  readonly flags: readonly SuperblockFlag[]
}

/**
 * Pure. `bytes` is the start of an image, `fileBytes` how long the whole is, when that is known.
 * @throws {NotSquashfs} @throws {UnsupportedSquashfs} @throws {TruncatedSquashfs}
 */
export function parseSuperblock(bytes: Uint8Array, fileBytes?: number): Superblock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkMagic(view)
  if (view.byteLength < SUPERBLOCK_BYTES) throw new TruncatedSquashfs(SUPERBLOCK_BYTES, view.byteLength)
  const superblock: Superblock = {
    version: version(view),
    compression: compression(view.getUint16(20, true)),
    blockSizeBytes: blockSize(view),
    bytesUsed: Number(view.getBigUint64(40, true)),
    inodes: view.getUint32(4, true),
    fragments: view.getUint32(16, true),
    mkfsTime: view.getUint32(8, true),
    flags: flags(view.getUint16(24, true))
  }
  if (superblock.bytesUsed < SUPERBLOCK_BYTES)
    throw new NotSquashfs('superblock claims to be longer than its file system')
  if (fileBytes !== undefined && superblock.bytesUsed > fileBytes) {
    throw new TruncatedSquashfs(superblock.bytesUsed, fileBytes)
  }
  return superblock
}

/**
 * Reads 96 bytes of the file and compares its length.
 * @throws {NotSquashfs} @throws {UnsupportedSquashfs} @throws {TruncatedSquashfs} and the file system's own errors
 */
export async function readSuperblock(source: string | Uint8Array): Promise<Superblock> {
  if (typeof source !== 'string') return parseSuperblock(source)
  await using file = await open(source, 'r')
  const { bytesRead, buffer } = await file.read(Buffer.alloc(SUPERBLOCK_BYTES), 0, SUPERBLOCK_BYTES, 0)
  const { size } = await file.stat()
  return parseSuperblock(buffer.subarray(0, bytesRead), size)
}

function checkMagic(view: DataView): void {
  if (view.byteLength < 4) throw new NotSquashfs('too short to be a squashfs')
  const magic = view.getUint32(0, true)
  if (magic === MAGIC_BIG_ENDIAN) throw new UnsupportedSquashfs('big-endian squashfs, which Linux no longer mounts')
  if (magic !== MAGIC) throw new NotSquashfs('not a squashfs: it does not begin with "hsqs"')
}

function version(view: DataView): '4.0' {
  const [major, minor] = [view.getUint16(28, true), view.getUint16(30, true)]
  if (major !== 4 || minor !== 0)
    throw new UnsupportedSquashfs(`squashfs version ${major}.${minor}; only 4.0 is mounted`)
  return '4.0'
}

function compression(id: number): Compression {
  for (const [known, name] of COMPRESSIONS) if (known === id) return name
  throw new UnsupportedSquashfs(`squashfs with unknown compression ${id}`)
}

function blockSize(view: DataView): number {
  const [size, log] = [view.getUint32(12, true), view.getUint16(22, true)]
  if (log < 12 || log > 20 || size !== 2 ** log) throw new NotSquashfs(`superblock with impossible block size ${size}`)
  return size
}

function flags(bits: number): SuperblockFlag[] {
  return FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name)
}
