// One version on its way into the store. Its parts stream into `ingest/`, hashed as they go, and nobody sees them until
// commit; whatever ends a publication before that leaves nothing behind.
import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Blob, Version } from '../boot/model.ts'
import type { Clock, Timer } from '../clock.ts'
import { type Disk, isNoSpace, isPresent, isReadOnly } from './disk.ts'
import { PublishError, type PublishErrorCode } from './errors.ts'
import type { Ingested } from './layout.ts'
import type { Content } from './manifest.ts'
import { readPieces } from './read.ts'
import { type RootPacking, tarToSquashfs } from './unpack.ts'

export const PARTS = ['kernel', 'initrd', 'layer', 'root'] as const
export type PartName = (typeof PARTS)[number]

/** What the store needs of squashfs-tools-ts; a test may pass less honest ones. */
export type SquashfsTools = Pick<typeof import('squashfs-tools-ts'), 'mksquashfs' | 'readSuperblock' | 'list' | 'cat'>

export interface Settings {
  /** In the order of the kernel command line. */
  readonly arguments?: readonly string[] | undefined
  readonly notes?: string | undefined
}

/** All parts of a publication, on disk and synced. */
export interface Parts {
  readonly kernel: Ingested
  readonly initrd: Ingested
  /** Bottom first. */
  readonly layers: readonly Ingested[]
}

export interface PublicationDeps {
  readonly image: string
  readonly version: string
  /** Its own directory in ingest/; made when the first part comes, removed at the end. */
  readonly dir: string
  readonly disk: Disk
  readonly clock: Clock
  readonly squashfs: SquashfsTools
  readonly packing: RootPacking
  /** After this long without a byte, or between two parts, the publication is given up. */
  readonly idleMs: number
  /** Warnings in plain words; never an error. */
  readonly lint: (parts: Parts) => Promise<readonly string[]>
  /** Makes the version appear, all at once. */
  readonly appear: (
    parts: Parts,
    settings: Pick<Content, 'arguments' | 'notes'>,
    warnings: readonly string[]
  ) => Promise<Version>
  /** The name is free again. */
  readonly release: () => void
}

export class Publication {
  readonly image: string
  readonly version: string
  readonly #deps: PublicationDeps
  readonly #end = new AbortController()
  readonly #parts: { readonly name: PartName; readonly blob: Promise<Ingested> }[] = []
  #state: 'open' | 'committing' | 'closed' = 'open'
  #cleaned: Promise<void> | undefined
  #warnings: readonly string[] = []
  #idle: Timer | undefined
  /** Work of ours that is under way: meanwhile nobody waits for the sender. */
  #busy = 0
  #lastHeard: number

  constructor(deps: PublicationDeps) {
    this.#deps = deps
    this.image = deps.image
    this.version = deps.version
    this.#lastHeard = deps.clock.monotonic()
    this.#watch()
  }

  /** What lint found; there after commit. */
  get warnings(): readonly string[] {
    return this.#warnings
  }

  /**
   * Takes one part whole; layers bottom first, in the order of the calls. Memory stays bounded whatever its size.
   * Any failure closes the publication, and nothing of it is left when this rejects.
   * @throws {PublishError}
   */
  async addPart(name: PartName, stream: Readable, _filename?: string): Promise<Blob> {
    let taken: Promise<Ingested> | undefined
    try {
      this.#claim(name)
      taken = this.#take(name, `${this.#parts.length}`, stream)
      this.#parts.push({ name, blob: taken })
      const { digest, sizeBytes } = await taken
      return { digest, sizeBytes }
    } catch (error) {
      stream.destroy()
      const failure = this.#inWords(error, name)
      await this.#close(failure instanceof PublishError ? failure : over(this))
      throw failure
    }
  }

  /** The version is there, for everybody and after a power cut, when this resolves. @throws {PublishError} */
  async commit(settings: Settings = {}): Promise<Version> {
    this.#assertOpen()
    this.#state = 'committing'
    try {
      const parts = await this.#whole()
      this.#warnings = await this.#deps.lint(parts)
      const { arguments: args = [], notes = '' } = settings
      return await this.#deps.appear(parts, { arguments: args, notes }, this.#warnings)
    } catch (error) {
      throw this.#inWords(error, 'version')
    } finally {
      await this.#close(over(this))
    }
  }

  /** Gives up; resolves when nothing is left. Does nothing to a publication that is over. */
  async abort(): Promise<void> {
    if (this.#state === 'committing') return
    await this.#close(over(this))
  }

  #assertOpen(): void {
    if (this.#state === 'open') return
    throw reasonOf(this.#end.signal) ?? over(this)
  }

  #claim(name: PartName): void {
    this.#assertOpen()
    const has = (part: PartName) => this.#parts.some((earlier) => earlier.name === part)
    if (name !== 'layer' && has(name)) throw new PublishError('PART_REPEATED', `${name} was sent twice`)
    if ((name === 'root' && has('layer')) || (name === 'layer' && has('root'))) {
      throw new PublishError('PARTS_CONFLICT', 'send layers or a root, not both')
    }
  }

  async #take(name: PartName, file: string, stream: Readable): Promise<Ingested> {
    // Not `recursive`: with that, Node calls a read-only disk ENOENT.
    await mkdir(this.#deps.dir).catch((error: unknown) => {
      if (!isPresent(error)) throw error
    })
    const path = join(this.#deps.dir, file)
    await this.#deps.disk.remove(path) // of a publication that a fault of the disk ended
    const received = await receive(this.#heard(stream), path, this.#deps.disk)
    if (received.sizeBytes === 0) throw new PublishError('PART_EMPTY', `${name} is empty`)
    if (name === 'layer') await this.#checkLayer(path)
    return name === 'root' ? await this.#working(() => this.#pack(path)) : received
  }

  async #checkLayer(path: string): Promise<void> {
    const { compression } = await this.#deps.squashfs.readSuperblock(path)
    if (compression !== 'lzma') return
    throw new PublishError(
      'SQUASHFS_UNSUPPORTED',
      'layer: Linux mounts no lzma squashfs; use zstd, xz, lz4, lzo or gzip'
    )
  }

  async #pack(upload: string): Promise<Ingested> {
    const { disk, squashfs, packing } = this.#deps
    const path = `${upload}.squashfs`
    const signal = this.#end.signal
    await tarToSquashfs({ upload, destination: path, mksquashfs: squashfs.mksquashfs, packing, signal })
    await disk.remove(upload)
    await disk.sync(path)
    return { path, digest: await digestOf(path, signal), sizeBytes: (await stat(path)).size }
  }

  async #whole(): Promise<Parts> {
    const named = async (...names: PartName[]) =>
      await Promise.all(this.#parts.filter(({ name }) => names.includes(name)).map(({ blob }) => blob))
    const [[kernel], [initrd], layers] = [await named('kernel'), await named('initrd'), await named('layer', 'root')]
    if (!kernel) throw new PublishError('PART_MISSING', 'no kernel was sent')
    if (!initrd) throw new PublishError('PART_MISSING', 'no initrd was sent')
    if (layers.length === 0) throw new PublishError('PART_MISSING', 'neither a layer nor a root was sent')
    return { kernel, initrd, layers }
  }

  /** Tells the sender's silence from our own slowness: the clock runs only while the next chunk is awaited. */
  async *#heard(stream: Readable): AsyncGenerator<Buffer> {
    const stop = () => stream.destroy(reasonOf(this.#end.signal))
    this.#end.signal.addEventListener('abort', stop, { once: true })
    try {
      this.#end.signal.throwIfAborted()
      for await (const chunk of stream) {
        using _ = this.#work()
        yield chunk
      }
    } catch (cause) {
      this.#end.signal.throwIfAborted()
      throw new PublishError('UPLOAD_BROKEN', 'the upload ended early', { cause })
    } finally {
      this.#end.signal.removeEventListener('abort', stop)
    }
  }

  async #working<T>(work: () => Promise<T>): Promise<T> {
    using _ = this.#work()
    return await work()
  }

  #work(): Disposable {
    this.#busy += 1
    return {
      [Symbol.dispose]: () => {
        this.#busy -= 1
        this.#lastHeard = this.#deps.clock.monotonic()
      }
    }
  }

  #watch(): void {
    const { clock, idleMs } = this.#deps
    this.#idle = clock.after(idleMs, () => {
      const silentMs = clock.monotonic() - this.#lastHeard
      if (this.#state !== 'open') return
      if (this.#busy > 0 || silentMs < idleMs) return this.#watch()
      const seconds = Math.round(silentMs / 1000)
      const reason = new PublishError('UPLOAD_IDLE', `nothing was sent for ${seconds} s; the publication is given up`)
      this.#close(reason).catch(() => {}) // whoever sends or aborts next is told
    })
  }

  /** Once, whoever asks first; the others wait for the same. */
  #close(reason: PublishError): Promise<void> {
    this.#cleaned ??= this.#clean(reason)
    return this.#cleaned
  }

  async #clean(reason: PublishError): Promise<void> {
    this.#state = 'closed'
    this.#idle?.cancel()
    this.#end.abort(reason)
    await Promise.allSettled(this.#parts.map(({ blob }) => blob))
    // What a faulty disk keeps goes when the store is opened next; the publisher is told of the fault itself.
    await this.#deps.disk.remove(this.#deps.dir).catch(() => undefined)
    this.#deps.release()
  }

  /** What the publisher can mend becomes a PublishError; a broken disk, or a bug of ours, stays what it is. */
  #inWords(error: unknown, what: string): unknown {
    if (error instanceof PublishError) return error
    const reason: unknown = this.#end.signal.reason
    if (this.#end.signal.aborted && reason instanceof PublishError) return reason
    if (isNoSpace(error)) return new PublishError('NO_SPACE', `${what}: the image store is full`, { cause: error })
    if (isReadOnly(error)) {
      return new PublishError('STORE_READ_ONLY', `${what}: the image store is read-only`, { cause: error })
    }
    const known = KNOWN.find((code) => error instanceof Error && 'code' in error && error.code === code)
    if (known && error instanceof Error) return new PublishError(known, `${what}: ${error.message}`, { cause: error })
    return error
  }
}

/** Codes of squashfs-tools-ts that mean the same here. */
const KNOWN: readonly PublishErrorCode[] = [
  'NOT_SQUASHFS',
  'SQUASHFS_TRUNCATED',
  'SQUASHFS_UNSUPPORTED',
  'NOT_A_TAR',
  'TOOL_MISSING',
  'TOOL_FAILED',
  'NO_SPACE'
]

function over({ image, version }: Publication): PublishError {
  return new PublishError('PUBLICATION_CLOSED', `the publication of ${image} ${version} is over`)
}

function reasonOf(signal: AbortSignal): Error | undefined {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : undefined
}

async function receive(chunks: AsyncIterable<Buffer>, path: string, disk: Disk): Promise<Ingested> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const file = await disk.create(path)
  try {
    for await (const chunk of chunks) {
      hash.update(chunk)
      await file.write(chunk)
      sizeBytes += chunk.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { path, digest: `sha256:${hash.digest('hex')}`, sizeBytes }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of readPieces(path, signal)) hash.update(piece)
  return `sha256:${hash.digest('hex')}`
}
