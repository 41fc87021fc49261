// Files and text bodies as sources of blocks. One open descriptor per file, however many transfers read it.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Resource } from '../boot/model.ts'
import type { ReadCached } from '../cached-reads.ts'
import { BlockReader, type ByteSource, type SlabCache } from './blocks.ts'
import { NetasciiSource } from './netascii.ts'

/** A file of ours that can't be read as it was promised. */
export class SourceError extends Error {
  readonly code: 'SOURCE_NOT_A_FILE' | 'SOURCE_TRUNCATED'

  constructor(code: SourceError['code'], path: string) {
    super(code === 'SOURCE_NOT_A_FILE' ? `${path} is not a regular file` : `${path} has become shorter`)
    this.name = 'SourceError'
    this.code = code
  }
}

class FileSource implements ByteSource {
  readonly sizeBytes: number
  readonly #path: string
  readonly #handle: FileHandle
  readonly readNow: ByteSource['readNow']
  #reads = 0
  #idle: (() => void) | undefined

  static async open(path: string, readCached: ReadCached | undefined): Promise<FileSource> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK) // a FIFO must not hold us up
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new SourceError('SOURCE_NOT_A_FILE', path)
      return new FileSource(path, handle, stats.size, readCached)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  private constructor(path: string, handle: FileHandle, sizeBytes: number, readCached: ReadCached | undefined) {
    this.#path = path
    this.#handle = handle
    this.sizeBytes = sizeBytes
    this.readNow = readCached && ((into, position) => readCached(handle.fd, into, position) === into.length)
  }

  async read(into: Buffer, position: number): Promise<void> {
    this.#reads++
    try {
      for (let filled = 0; filled < into.length; ) {
        const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, position + filled)
        if (bytesRead === 0) throw new SourceError('SOURCE_TRUNCATED', this.#path)
        filled += bytesRead
      }
    } finally {
      if (--this.#reads === 0) this.#idle?.()
    }
  }

  /** After the reads under way. */
  async close(): Promise<void> {
    if (this.#reads > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    await this.#handle.close()
  }
}

class TextSource implements ByteSource {
  readonly sizeBytes: number
  readonly #body: Buffer

  constructor(body: Buffer) {
    this.#body = body
    this.sizeBytes = body.length
  }

  async read(into: Buffer, position: number): Promise<void> {
    this.readNow(into, position)
  }

  readNow(into: Buffer, position: number): boolean {
    this.#body.copy(into, 0, position)
    return true
  }

  async close(): Promise<void> {}
}

interface Shared {
  readonly key: string | undefined
  readonly source: Promise<FileSource | TextSource>
  readonly netascii: { view: Promise<NetasciiSource> | undefined }
  readonly readers: Map<string, { readonly reader: BlockReader; users: number }>
  users: number
}

/** One transfer's hold on a source. */
export class Lease {
  readonly sizeBytes: number
  readonly #view: ByteSource
  readonly #mode: string
  readonly #shared: Shared
  readonly #cache: SlabCache
  readonly #drop: () => void
  #readerKey: string | undefined
  #released = false

  constructor(view: ByteSource, mode: string, shared: Shared, cache: SlabCache, drop: () => void) {
    this.sizeBytes = view.sizeBytes
    this.#view = view
    this.#mode = mode
    this.#shared = shared
    this.#cache = cache
    this.#drop = drop
  }

  /** The blocks of this source, shared with whoever reads it in the same block size. Call it once. */
  blocks(blksize: number): BlockReader {
    const key = `${this.#mode} ${blksize}`
    const entry = this.#shared.readers.get(key) ?? {
      reader: new BlockReader(this.#view, blksize, this.#cache),
      users: 0
    }
    entry.users++
    this.#shared.readers.set(key, entry)
    this.#readerKey = key
    return entry.reader
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    const entry = this.#readerKey === undefined ? undefined : this.#shared.readers.get(this.#readerKey)
    if (entry && --entry.users === 0) {
      entry.reader.clear()
      if (this.#readerKey !== undefined) this.#shared.readers.delete(this.#readerKey)
    }
    this.#drop()
  }
}

export class Sources {
  readonly #cache: SlabCache
  readonly #readCached: ReadCached | undefined
  readonly #open = new Map<string, Shared>()

  constructor(cache: SlabCache, readCached?: ReadCached) {
    this.#cache = cache
    this.#readCached = readCached
  }

  /** Descriptors open now. */
  get openFiles(): number {
    return this.#open.size
  }

  /** Rejects when the file can't be opened: what the resolver named must be there. */
  async lease(resource: Resource, mode: 'octet' | 'netascii'): Promise<Lease> {
    const shared = this.#share(resource)
    shared.users++
    const drop = () => this.#drop(shared)
    try {
      const source = await shared.source
      if (mode === 'octet') return new Lease(source, mode, shared, this.#cache, drop)
      shared.netascii.view ??= NetasciiSource.over(source)
      return new Lease(await shared.netascii.view, mode, shared, this.#cache, drop)
    } catch (error) {
      drop()
      throw error
    }
  }

  #share(resource: Resource): Shared {
    if (resource.kind === 'text') return shared(undefined, Promise.resolve(new TextSource(resource.body)))
    // A file replaced on disk is another file, though its path is the same.
    const key = `${resource.modifiedAt} ${resource.sizeBytes} ${resource.path}`
    const present = this.#open.get(key)
    if (present) return present
    const opened = shared(key, FileSource.open(resource.path, this.#readCached))
    this.#open.set(key, opened)
    return opened
  }

  #drop(shared: Shared): void {
    if (--shared.users > 0) return
    if (shared.key !== undefined && this.#open.get(shared.key) === shared) this.#open.delete(shared.key)
    shared.source.then((source) => source.close()).catch(() => undefined) // never opened: nothing to close
  }
}

function shared(key: string | undefined, source: Shared['source']): Shared {
  return { key, source, netascii: { view: undefined }, readers: new Map(), users: 0 }
}
