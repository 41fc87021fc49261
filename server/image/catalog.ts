// Which versions the index names, in memory: what list, get and blobPath answer from.
import type { Version } from '../boot/model.ts'
import { isAbsent } from './disk.ts'
import type { OciLayout } from './layout.ts'
import { type Content, configOf, decodeManifest, MalformedManifest } from './manifest.ts'
import { type Index, type IndexEntry, nameOf, publishedAtOf, type VersionName, warningsOf } from './oci-index.ts'

export interface StoreLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

interface Listed {
  readonly version: Version
  readonly warnings: readonly string[]
}

export class Catalog {
  readonly #layout: OciLayout
  readonly #log: StoreLog
  #listed: ReadonlyMap<string, Listed> = new Map()
  #inOrder: readonly Version[] = []
  #paths: ReadonlyMap<string, string> = new Map()

  constructor(layout: OciLayout, log: StoreLog) {
    this.#layout = layout
    this.#log = log
  }

  /** By image and then by time. */
  list(): readonly Version[] {
    return this.#inOrder
  }

  get(name: VersionName): Version | undefined {
    return this.#listed.get(key(name))?.version
  }

  warnings(name: VersionName): readonly string[] {
    return this.#listed.get(key(name))?.warnings ?? []
  }

  blobPath(digest: string): string | undefined {
    return this.#paths.get(digest)
  }

  /** Takes over all that the index says, at once; versions that it had already aren't read again. */
  async load(index: Index): Promise<void> {
    const listed = new Map<string, Listed>()
    for (const entry of index.manifests) {
      const found = await this.#read(entry)
      if (found) listed.set(key(found.version), found)
    }
    const versions = [...listed.values()].map(({ version }) => version)
    this.#listed = listed
    this.#inOrder = versions.sort(byImageAndTime)
    this.#paths = new Map(
      versions
        .flatMap(({ kernel, initrd, layers }) => [kernel, initrd, ...layers])
        .map(({ digest }) => [digest, this.#layout.blobPath(digest)])
    )
  }

  /** Undefined for an entry that is no version of ours, and for one that isn't whole: that one is told to the log. */
  async #read(entry: IndexEntry): Promise<Listed | undefined> {
    const name = nameOf(entry)
    if (!name) return undefined
    const known = this.#listed.get(key(name))
    if (known?.version.digest === entry.digest) return known
    try {
      const content = await this.#content(entry.digest)
      const publishedAt = publishedAtOf(entry) ?? new Date(await this.#layout.modifiedAt(entry.digest)).toISOString()
      return { version: { ...name, digest: entry.digest, ...content, publishedAt }, warnings: warningsOf(entry) }
    } catch (error) {
      if (!(error instanceof MalformedManifest) && !isAbsent(error)) throw error
      this.#log.warn({ ...name, digest: entry.digest, err: error }, 'version left out: not whole, or not one of ours')
      return undefined
    }
  }

  async #content(digest: string): Promise<Content> {
    const manifest = await this.#layout.readBlob(digest)
    const content = decodeManifest(manifest, await this.#layout.readBlob(configOf(manifest).digest))
    for (const blob of [content.kernel, content.initrd, ...content.layers]) {
      const sizeBytes = await this.#layout.sizeOf(blob.digest)
      if (sizeBytes === blob.sizeBytes) continue
      throw new MalformedManifest(`${blob.digest} has ${sizeBytes ?? 'no'} bytes and should have ${blob.sizeBytes}`)
    }
    return content
  }
}

/** No name holds a colon. */
function key({ image, version }: VersionName): string {
  return `${image}:${version}`
}

function byImageAndTime(a: Version, b: Version): number {
  return compare(a.image, b.image) || compare(a.publishedAt, b.publishedAt) || compare(a.version, b.version)
}

function compare(a: string, b: string): number {
  return Number(a > b) - Number(a < b)
}
