// The OCI image layout on disk, and the order in which it changes so that a power cut at any moment leaves it whole:
// bytes are synced before they have a name in blobs/, names in blobs/ before the index speaks of them.
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Blob } from '../boot/model.ts'
import { type Disk, isAbsent, writeSynced } from './disk.ts'
import { StoreError } from './errors.ts'
import { decodeIndex, EMPTY_INDEX, encodeIndex, type Index, LAYOUT_FILE } from './oci-index.ts'

const DIGEST = /^sha256:([0-9a-f]{64})$/
const LAYOUT = 'oci-layout'
const INDEX = 'index.json'

/** A file in `ingest/` that is to be a blob; synced already. */
export interface Ingested extends Blob {
  readonly path: string
}

export class OciLayout {
  readonly dir: string
  /** Unfinished work; emptied when the store is opened. On the same file system as blobs/, so that a rename is enough. */
  readonly ingestDir: string
  readonly #blobsDir: string
  readonly #disk: Disk

  constructor(dir: string, disk: Disk) {
    this.dir = dir
    this.ingestDir = join(dir, 'ingest')
    this.#blobsDir = join(dir, 'blobs', 'sha256')
    this.#disk = disk
  }

  /**
   * Makes what is missing and removes what an earlier process left unfinished.
   * @throws {StoreError} STORE_CORRUPT: blobs without an index are never taken for an empty store
   */
  async prepare(): Promise<void> {
    await mkdir(this.#blobsDir, { recursive: true })
    await this.#disk.remove(this.ingestDir)
    await mkdir(this.ingestDir)
    if (!(await exists(join(this.dir, INDEX)))) await this.#create()
    else if (!(await exists(join(this.dir, LAYOUT)))) throw corrupt(this.dir, 'it has an index.json and no oci-layout')
  }

  async #create(): Promise<void> {
    if ((await readdir(this.#blobsDir)).length > 0) throw corrupt(this.dir, 'it has blobs and no index.json')
    await this.#replace(LAYOUT, LAYOUT_FILE)
    await this.writeIndex(EMPTY_INDEX)
  }

  /** @throws {StoreError} STORE_CORRUPT */
  async readIndex(): Promise<Index> {
    const bytes = await readFile(join(this.dir, INDEX))
    try {
      return decodeIndex(bytes)
    } catch (cause) {
      throw corrupt(this.dir, 'its index.json cannot be read', cause)
    }
  }

  /** The moment at which versions appear and disappear: one rename. */
  async writeIndex(index: Index): Promise<void> {
    await this.#replace(INDEX, encodeIndex(index))
  }

  async #replace(name: string, bytes: Uint8Array): Promise<void> {
    const next = join(this.ingestDir, name)
    try {
      await writeSynced(this.#disk, next, bytes)
      await this.#disk.rename(next, join(this.dir, name))
    } catch (error) {
      await this.#disk.remove(next)
      throw error
    }
    await this.#disk.sync(this.dir)
  }

  /** Moves what isn't there yet into blobs/; the names are safe once this resolves. */
  async adopt(blobs: readonly Ingested[]): Promise<void> {
    for (const { path, digest, sizeBytes } of blobs) {
      if ((await this.sizeOf(digest)) === sizeBytes) await this.#disk.remove(path)
      else await this.#disk.rename(path, this.blobPath(digest))
    }
    await this.#disk.sync(this.#blobsDir)
  }

  async removeBlobs(digests: Iterable<string>): Promise<void> {
    for (const digest of digests) await this.#disk.remove(this.blobPath(digest))
  }

  /** Every blob on disk, by digest; files that are named otherwise are none of ours. */
  async blobs(): Promise<string[]> {
    return (await readdir(this.#blobsDir)).map((hex) => `sha256:${hex}`).filter((digest) => DIGEST.test(digest))
  }

  /** @throws {TypeError} on what is no sha256 digest: a path is made of nothing else */
  blobPath(digest: string): string {
    const hex = DIGEST.exec(digest)?.[1]
    if (hex === undefined) throw new TypeError(`not a sha256 digest: ${digest}`)
    return join(this.#blobsDir, hex)
  }

  async readBlob(digest: string): Promise<Buffer> {
    return await readFile(this.blobPath(digest))
  }

  /** Undefined when there is no such blob. */
  async sizeOf(digest: string): Promise<number | undefined> {
    return (await statOf(this.blobPath(digest)))?.size
  }

  /** When a blob was written, in ms since 1970. */
  async modifiedAt(digest: string): Promise<number> {
    return (await stat(this.blobPath(digest))).mtimeMs
  }
}

async function exists(path: string): Promise<boolean> {
  return (await statOf(path)) !== undefined
}

async function statOf(path: string): Promise<{ readonly size: number } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function corrupt(dir: string, why: string, cause?: unknown): StoreError {
  return new StoreError('STORE_CORRUPT', `image store ${dir}: ${why}; restore it from a copy, or move it away`, {
    cause
  })
}
