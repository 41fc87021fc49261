// The files that are served: random bytes, published in an image store for rootcast, and the very same inodes under
// plain names for its peers. Made once.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from '../../server/clock.ts'
import { ImageStore } from '../../server/image/store.ts'
import { createLog } from '../../server/log.ts'
import { CACHE, cacheDirectory } from './cache.ts'

/** None is a multiple of a block size. */
const SIZES_BYTES = {
  'file-2m': 2_000_003,
  'file-10m': 10_000_003,
  'file-200m': 200_000_003,
  'file-1g': 1_000_000_003,
  kernel: 8_000_003,
  initrd: 33_000_003
} as const
const ROOT_BYTES = 300_000_000

export type FileName = keyof typeof SIZES_BYTES | 'root'

export interface ServedFile {
  readonly sizeBytes: number
  /** To compare with, and in the peers' root. */
  readonly path: string
  /** What the peers call it. */
  readonly plainName: string
  /** What rootcast calls it: `blobs/sha256/…` */
  readonly name: string
}

export interface Material {
  readonly store: string
  /** The peers' root directory. */
  readonly plain: string
  readonly file: (name: FileName) => ServedFile
}

/** Its version `boot` has the kernel, the initrd and the root; the others have one file each, as their kernel. */
export const IMAGE = 'bench'
export const BOOT_VERSION = 'boot'
const INDEX = path.join(CACHE, 'material.json')

export async function makeMaterial(): Promise<Material> {
  if (!existsSync(INDEX)) await publishAll()
  const digests: Record<string, string> = JSON.parse(readFileSync(INDEX, 'utf8'))
  const plain = cacheDirectory('plain')
  const file = (name: FileName) => {
    const at = path.join(plain, name)
    return { sizeBytes: statSync(at).size, path: at, plainName: name, name: `blobs/sha256/${digests[name]}` }
  }
  return { store: cacheDirectory('store'), plain, file }
}

async function publishAll(): Promise<void> {
  console.error('Making the files to serve: 1.6 GB, once…')
  for (const made of ['store', 'plain', 'raw']) rmSync(path.join(CACHE, made), { recursive: true, force: true })
  const raw = cacheDirectory('raw')
  for (const [name, sizeBytes] of Object.entries(SIZES_BYTES)) await writeRandom(path.join(raw, name), sizeBytes)
  await makeRoot(raw)

  const log = createLog({ level: 'silent', destination: process.stderr })
  const store = await ImageStore.open(cacheDirectory('store'), { clock: systemClock, log })
  const digests: Record<string, string> = {}
  const publish = async (version: string, kernel: string) => {
    const publication = store.begin(IMAGE, version)
    const parts = { kernel: path.join(raw, kernel), initrd: path.join(raw, 'initrd'), layer: path.join(raw, 'root') }
    for (const part of ['kernel', 'initrd', 'layer'] as const) {
      const { digest } = await publication.addPart(part, createReadStream(parts[part]))
      digests[path.basename(parts[part])] = digest.replace('sha256:', '')
    }
    await publication.commit()
  }
  await publish(BOOT_VERSION, 'kernel')
  for (const name of ['file-2m', 'file-10m', 'file-200m', 'file-1g']) await publish(name, name)

  for (const [name, digest] of Object.entries(digests)) {
    const blob = store.blobPath(`sha256:${digest}`)
    if (blob === undefined) throw new Error(`${name} is not in the store`)
    linkSync(blob, path.join(cacheDirectory('plain'), name))
  }
  await store.close()
  rmSync(raw, { recursive: true })
  writeFileSync(INDEX, JSON.stringify(digests))
}

async function writeRandom(file: string, sizeBytes: number): Promise<void> {
  await using handle = await open(file, 'w')
  for (let left = sizeBytes; left > 0; left -= 1 << 20) await handle.write(randomBytes(Math.min(left, 1 << 20)))
}

/** A squashfs that holds one large file, as it is. */
async function makeRoot(raw: string): Promise<void> {
  const tree = cacheDirectory('raw', 'tree', 'sbin')
  symlinkSync('../lib/systemd/systemd', path.join(tree, 'init'))
  await writeRandom(path.join(tree, 'bytes'), ROOT_BYTES)
  const uncompressed = ['-noI', '-noD', '-noF', '-noX', '-no-progress', '-quiet']
  execFileSync('mksquashfs', [path.dirname(tree), path.join(raw, 'root'), ...uncompressed], { stdio: 'ignore' })
}
