// The image store: which versions exist, where their bytes are, and how one comes and goes.
import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import * as squashfsTools from 'squashfs-tools-ts'
import type { Version } from '../boot/model.ts'
import type { Clock } from '../clock.ts'
import { Catalog, type StoreLog } from './catalog.ts'
import { collect } from './collect.ts'
import { type Disk, nodeDisk, writeSynced } from './disk.ts'
import { PublishError, StoreError } from './errors.ts'
import { type Ingested, OciLayout } from './layout.ts'
import { lint } from './lint.ts'
import { acquireLock, type Lock } from './lock.ts'
import { type Content, configOf, encodeManifest, MANIFEST_MEDIA_TYPE } from './manifest.ts'
import { isImageName, isVersionName } from './names.ts'
import { type Index, nameOf, refName, type VersionName, withEntry, withoutEntry } from './oci-index.ts'
import { type Parts, Publication, type SquashfsTools } from './publish.ts'
import type { RootPacking } from './unpack.ts'

const IDLE_MS = 60_000
const LINT_MS = 30_000
/** Quick to make; a tighter root comes from the image build, as a layer. */
const PACKING: RootPacking = {
  compression: 'zstd',
  level: 6,
  processors: Math.max(1, availableParallelism() - 1), // boots are served meanwhile
  memoryMegabytes: 512
}

export interface StoreOptions {
  readonly clock: Clock
  readonly log: StoreLog
  readonly squashfs?: SquashfsTools | undefined
  /** How a root that came as a tar is packed. */
  readonly packing?: RootPacking | undefined
  /** A publication that is silent for so long is given up; a minute unless told. */
  readonly idleMs?: number | undefined
  readonly disk?: Disk | undefined
}

export class ImageStore {
  readonly #layout: OciLayout
  readonly #catalog: Catalog
  readonly #lock: Lock
  readonly #options: Required<{ [K in keyof StoreOptions]: Exclude<StoreOptions[K], undefined> }>
  /** By reference name. */
  readonly #publications = new Map<string, Publication>()
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(dir: string, lock: Lock, options: StoreOptions) {
    this.#lock = lock
    this.#options = {
      clock: options.clock,
      log: options.log,
      squashfs: options.squashfs ?? squashfsTools,
      packing: options.packing ?? PACKING,
      idleMs: options.idleMs ?? IDLE_MS,
      disk: options.disk ?? nodeDisk
    }
    this.#layout = new OciLayout(dir, this.#options.disk)
    this.#catalog = new Catalog(this.#layout, options.log)
  }

  /**
   * Makes the directory when it isn't there; removes what an unfinished publication left in it.
   * @throws {StoreError} STORE_LOCKED; STORE_CORRUPT, and then no blob was removed
   */
  static async open(dir: string, options: StoreOptions): Promise<ImageStore> {
    await mkdir(dir, { recursive: true })
    const lock = acquireLock(join(dir, 'lock'))
    try {
      const store = new ImageStore(dir, lock, options)
      await store.#recover()
      return store
    } catch (error) {
      lock.release()
      throw error
    }
  }

  async #recover(): Promise<void> {
    await this.#layout.prepare()
    const index = await this.#layout.readIndex()
    await this.#catalog.load(index)
    await this.#collect(index, await this.#layout.blobs())
  }

  /** Every version, by image and then by time. */
  list(): readonly Version[] {
    return this.#catalog.list()
  }

  get(image: string, version: string): Version | undefined {
    return this.#catalog.get({ image, version })
  }

  /** What lint had to say when the version was published; none for a version that isn't there. */
  warnings(image: string, version: string): readonly string[] {
    return this.#catalog.warnings({ image, version })
  }

  /** Of a kernel, initrd or layer that some version names. */
  blobPath(digest: string): string | undefined {
    return this.#catalog.blobPath(digest)
  }

  /**
   * A version on its way; it holds its name until commit or abort.
   * @throws {PublishError} NAME_INVALID, VERSION_EXISTS, VERSION_BEING_PUBLISHED
   */
  begin(image: string, version: string): Publication {
    const name = { image, version }
    this.#assertFree(name)
    const { disk, clock, squashfs, packing, idleMs } = this.#options
    const publication = new Publication({
      ...name,
      ...{ disk, clock, squashfs, packing, idleMs },
      dir: this.#ingestDir(name),
      lint: (parts) => this.#lint(parts),
      appear: (parts, settings, warnings) => this.#inTurn(() => this.#appear(name, parts, settings, warnings)),
      release: () => this.#publications.delete(refName(name))
    })
    this.#publications.set(refName(name), publication)
    return publication
  }

  /** The bytes that no other version names go with it. @throws {StoreError} VERSION_NOT_FOUND */
  async remove(image: string, version: string): Promise<void> {
    await this.#inTurn(async () => {
      const removed = this.get(image, version)
      if (!removed) throw new StoreError('VERSION_NOT_FOUND', `${image} has no version ${version}`)
      const digests = await this.#digestsOf(removed)
      const index = withoutEntry(await this.#layout.readIndex(), removed)
      await this.#layout.writeIndex(index)
      await this.#catalog.load(index)
      this.#options.log.info({ image, version, digest: removed.digest }, 'version removed')
      await this.#collect(index, digests)
    })
  }

  /** Sees what another tool, such as skopeo, put into the layout meanwhile. @throws {StoreError} STORE_CORRUPT */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => await this.#catalog.load(await this.#layout.readIndex()))
  }

  /** Gives up every publication; nothing of them is left, and another process may open the store, when this resolves. */
  async close(): Promise<void> {
    await Promise.all([...this.#publications.values()].map((publication) => publication.abort()))
    await this.#turn
    this.#lock.release()
  }

  #assertFree(name: VersionName): void {
    const { image, version } = name
    if (!isImageName(image)) throw new PublishError('NAME_INVALID', `no image can be named ${JSON.stringify(image)}`)
    if (!isVersionName(version)) {
      throw new PublishError('NAME_INVALID', `no version can be named ${JSON.stringify(version)}`)
    }
    if (this.#catalog.get(name)) throw versionExists(name)
    if (this.#publications.has(refName(name))) {
      throw new PublishError('VERSION_BEING_PUBLISHED', `${image} ${version} is being published by somebody else`)
    }
  }

  async #lint({ kernel, initrd, layers }: Parts): Promise<readonly string[]> {
    const { squashfs, clock } = this.#options
    const late = new AbortController()
    const timer = clock.after(LINT_MS, () => late.abort(new Error('it took too long')))
    const files = { kernel: kernel.path, initrd: initrd.path, layers: layers.map(({ path }) => path) }
    try {
      return await lint(files, squashfs, late.signal)
    } finally {
      timer.cancel()
    }
  }

  async #appear(
    name: VersionName,
    parts: Parts,
    settings: Pick<Content, 'arguments' | 'notes'>,
    warnings: readonly string[]
  ): Promise<Version> {
    const index = await this.#layout.readIndex()
    if (index.manifests.some((entry) => isNamed(nameOf(entry), name))) throw versionExists(name)
    const content = { ...withoutPaths(parts), ...settings }
    const { manifest, config, digest, configDigest } = encodeManifest(content)
    const blobs = [
      ...[parts.kernel, parts.initrd, ...parts.layers],
      await this.#ingest(name, 'config', config, configDigest),
      await this.#ingest(name, 'manifest', manifest, digest)
    ]
    const publishedAt = new Date(this.#options.clock.now()).toISOString()
    const entry = { ...name, mediaType: MANIFEST_MEDIA_TYPE, digest, sizeBytes: manifest.length, publishedAt, warnings }
    await this.#bringIn(name, blobs, withEntry(index, entry))
    this.#options.log.info({ ...name, digest, warnings }, 'version published')
    return { ...name, digest, ...content, publishedAt }
  }

  async #ingest(name: VersionName, file: string, bytes: Buffer, digest: string): Promise<Ingested> {
    const path = join(this.#ingestDir(name), file)
    await this.#options.disk.remove(path)
    await writeSynced(this.#options.disk, path, bytes)
    return { path, digest, sizeBytes: bytes.length }
  }

  /** Blobs first, then the index that names them; all of it is taken back when any of it fails. */
  async #bringIn(name: VersionName, blobs: readonly Ingested[], next: Index): Promise<void> {
    try {
      await this.#layout.adopt(blobs)
      await this.#layout.writeIndex(next)
    } catch (error) {
      await this.#takeBack(name, blobs)
      throw error
    }
    await this.#catalog.load(next)
  }

  async #takeBack(name: VersionName, blobs: readonly Ingested[]): Promise<void> {
    const index = await this.#layout.readIndex()
    // It is there when only the last sync failed: named, but perhaps not after a power cut.
    if (index.manifests.some((entry) => isNamed(nameOf(entry), name))) await this.#unname(name, index)
    // Whether that went well or not, what stands on disk counts.
    const standing = await this.#layout.readIndex()
    await this.#catalog.load(standing)
    await this.#collect(
      standing,
      blobs.map(({ digest }) => digest)
    )
  }

  async #unname(name: VersionName, index: Index): Promise<void> {
    try {
      await this.#layout.writeIndex(withoutEntry(index, name))
    } catch (err) {
      this.#options.log.warn({ ...name, err }, 'a version that could not be synced could not be taken back either')
    }
  }

  async #digestsOf({ digest, kernel, initrd, layers }: Version): Promise<string[]> {
    const config = configOf(await this.#layout.readBlob(digest))
    return [digest, config.digest, kernel.digest, initrd.digest, ...layers.map((layer) => layer.digest)]
  }

  async #collect(index: Index, candidates: Iterable<string>): Promise<void> {
    const { log } = this.#options
    const { removed, unreadable } = await collect(this.#layout, index, candidates)
    if (removed.length > 0) log.info({ blobs: removed.length }, 'removed blobs that no version names')
    if (unreadable.length > 0)
      log.warn({ unreadable }, 'the index names manifests that are not there: no blob is removed')
  }

  #ingestDir({ image, version }: VersionName): string {
    return join(this.#layout.ingestDir, `${image}@${version}`)
  }

  /** Changes of the index and of blobs/ happen one at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

function withoutPaths({ kernel, initrd, layers }: Parts): Pick<Content, 'kernel' | 'initrd' | 'layers'> {
  const bare = ({ digest, sizeBytes }: Ingested) => ({ digest, sizeBytes })
  return { kernel: bare(kernel), initrd: bare(initrd), layers: layers.map(bare) }
}

function isNamed(found: VersionName | undefined, { image, version }: VersionName): boolean {
  return found?.image === image && found.version === version
}

function versionExists({ image, version }: VersionName): PublishError {
  return new PublishError('VERSION_EXISTS', `${image} ${version} is published already; versions never change`)
}
