// An image store to test against: where its files are, and whether what is on disk is whole.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { cat, mksquashfs, readSuperblock } from 'squashfs-tools-ts'
import { nodeDisk } from '../../server/image/disk.ts'
import type { Publication, SquashfsTools } from '../../server/image/publish.ts'
import { ImageStore, type StoreOptions } from '../../server/image/store.ts'
import { FakeClock } from '../fakes/clock.ts'
import { layer } from './squashfs.ts'

export const silent = { info: () => {}, warn: () => {} }

/** A kernel's and an initrd's first bytes, so that lint has nothing to say. */
export const KERNEL = Buffer.from('MZ, an EFI stub as far as anybody looks')
export const INITRD = Buffer.from('070701, a cpio as far as anybody looks')
export const LAYER = layer('a root')

/** The real ones, but for looking into layers, which here are no file systems. */
export const tools: SquashfsTools = {
  mksquashfs,
  readSuperblock,
  cat,
  list: async () => [
    {
      kind: 'symlink',
      path: 'sbin/init',
      mode: 'rwxrwxrwx',
      uid: 0,
      gid: 0,
      sizeBytes: 0,
      device: undefined,
      target: '/lib/systemd/systemd'
    }
  ]
}

export function openStore(dir: string, options: Partial<StoreOptions> = {}): Promise<ImageStore> {
  return ImageStore.open(dir, { clock: new FakeClock(), log: silent, squashfs: tools, disk: nodeDisk, ...options })
}

export function bytes(...chunks: readonly (Buffer | string)[]): Readable {
  return Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
}

export interface Sent {
  readonly kernel?: Buffer
  readonly initrd?: Buffer
  readonly layers?: readonly Buffer[]
}

/** All parts; commit is left to the caller. */
export async function send(publication: Publication, sent: Sent = {}): Promise<Publication> {
  await publication.addPart('kernel', bytes(sent.kernel ?? KERNEL))
  await publication.addPart('initrd', bytes(sent.initrd ?? INITRD))
  for (const image of sent.layers ?? [LAYER]) await publication.addPart('layer', bytes(image))
  return publication
}

/** Every file below, from there. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((file) => !/^lock(-journal)?$/.test(file))
    .sort()
}

/** Blobs whose bytes don't have the digest that is their name. */
export function damagedBlobs(dir: string): string[] {
  const blobs = join(dir, 'blobs', 'sha256')
  return readdirSync(blobs).filter(
    (hex) =>
      createHash('sha256')
        .update(readFileSync(join(blobs, hex)))
        .digest('hex') !== hex
  )
}
