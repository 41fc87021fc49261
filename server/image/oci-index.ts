// index.json: which versions there are (image-spec v1.1, image-layout.md). Pure: bytes and values.
// Entries that aren't ours, and fields that we don't know, survive every change.
import * as v from 'valibot'
import { oneOf, openObject } from '../decode.ts'
import { descriptorSchema, MalformedManifest } from './manifest.ts'
import { isImageName, isVersionName } from './names.ts'

export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}')

const REF_NAME = 'org.opencontainers.image.ref.name'
const CREATED = 'org.opencontainers.image.created'
const WARNINGS = 'io.rootcast.warnings'

const indexSchema = openObject({ schemaVersion: oneOf(2), manifests: v.array(descriptorSchema) })
export type Index = v.InferInput<typeof indexSchema>
export type IndexEntry = Index['manifests'][number]

export interface VersionName {
  readonly image: string
  readonly version: string
}

export const EMPTY_INDEX: Index = { schemaVersion: 2, manifests: [] }

/** @throws {MalformedManifest} */
export function decodeIndex(bytes: Uint8Array): Index {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new MalformedManifest('index.json is not JSON', { cause })
  }
  // Itself, not what the schema makes of it: what others wrote stays in its order.
  if (v.is(indexSchema, json)) return json
  throw new MalformedManifest('index.json is not an OCI image index')
}

export function encodeIndex(index: Index): Buffer {
  return Buffer.from(`${JSON.stringify(index, undefined, 2)}\n`)
}

export interface NewEntry extends VersionName {
  readonly mediaType: string
  readonly digest: string
  readonly sizeBytes: number
  readonly publishedAt: string
  readonly warnings: readonly string[]
}

export function withEntry(index: Index, entry: NewEntry): Index {
  const added: IndexEntry = {
    mediaType: entry.mediaType,
    digest: entry.digest,
    size: entry.sizeBytes,
    annotations: {
      [REF_NAME]: refName(entry),
      [CREATED]: entry.publishedAt,
      ...(entry.warnings.length === 0 ? {} : { [WARNINGS]: JSON.stringify(entry.warnings) })
    }
  }
  return { ...index, manifests: [...index.manifests, added] }
}

export function withoutEntry(index: Index, name: VersionName): Index {
  const ref = refName(name)
  return { ...index, manifests: index.manifests.filter((entry) => entry.annotations?.[REF_NAME] !== ref) }
}

/** Undefined for an entry whose name is none of ours. */
export function nameOf(entry: IndexEntry): VersionName | undefined {
  return parseRefName(entry.annotations?.[REF_NAME] ?? '')
}

/** Undefined for an entry that another tool wrote. */
export function publishedAtOf(entry: IndexEntry): string | undefined {
  return entry.annotations?.[CREATED]
}

const warningsSchema = v.array(v.string())

export function warningsOf(entry: IndexEntry): readonly string[] {
  try {
    const warnings: unknown = JSON.parse(entry.annotations?.[WARNINGS] ?? '[]')
    return v.is(warningsSchema, warnings) ? warnings : []
  } catch {
    return [] // somebody else's annotation: a remark lost, and no version
  }
}

/**
 * `image:version`, as skopeo and oras take it behind `oci:DIR:`. The specification's grammar for this annotation has
 * no `~`, and no two separators in a row or at the end: such names are written with `_` and two hex digits instead.
 */
export function refName({ image, version }: VersionName): string {
  return `${escapeName(image)}:${escapeName(version)}`
}

export function parseRefName(ref: string): VersionName | undefined {
  const [image, version, more] = ref.split(':').map(unescapeName)
  if (image === undefined || version === undefined || more !== undefined) return undefined
  const name = { image, version }
  // One spelling for each name, or a version could be there twice.
  return isImageName(image) && isVersionName(version) && refName(name) === ref ? name : undefined
}

const GRAMMAR = /^[0-9A-Za-z]+(?:(?:[-._@+]|--)[0-9A-Za-z]+)*$/

function escapeName(name: string): string {
  if (GRAMMAR.test(name)) return name
  return name.replace(/[^0-9A-Za-z]/g, (c) => `_${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function unescapeName(text: string): string {
  return text.replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
