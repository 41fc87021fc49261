// A version as an OCI image manifest (image-spec v1.1, manifest.md). Pure: bytes and values.
//
// The manifest holds what a machine boots and nothing of its name or its time, and there is one way to write it,
// so that the same content has the same digest wherever and whenever it is published. Names stand in the index.
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { Blob } from '../boot/model.ts'
import { decode, integer, oneOf, openObject, plainObject } from '../decode.ts'

export const MANIFEST_MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const ARTIFACT_TYPE = 'application/vnd.rootcast.version.v1'
export const CONFIG_MEDIA_TYPE = 'application/vnd.rootcast.version.config.v1+json'
export const KERNEL_MEDIA_TYPE = 'application/vnd.rootcast.kernel.v1'
export const INITRD_MEDIA_TYPE = 'application/vnd.rootcast.initrd.v1'
export const LAYER_MEDIA_TYPE = 'application/vnd.rootcast.layer.v1.squashfs'

const DESCRIPTION = 'org.opencontainers.image.description'
const TITLE = 'org.opencontainers.image.title'

/** What a version is, whatever it is called. */
export interface Content {
  readonly kernel: Blob
  readonly initrd: Blob
  /** Bottom first. */
  readonly layers: readonly Blob[]
  readonly arguments: readonly string[]
  readonly notes: string
}

export interface EncodedManifest {
  readonly manifest: Buffer
  readonly config: Buffer
  /** Of the manifest: the version's. */
  readonly digest: string
  readonly configDigest: string
}

/** JSON that isn't a manifest of ours. */
export class MalformedManifest extends Error {
  readonly code = 'MALFORMED_MANIFEST'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MalformedManifest'
  }
}

export const digestSchema = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/))
const annotations = v.exactOptional(
  v.pipe(plainObject<Readonly<Record<string, string>>>(), v.record(v.string(), v.string()))
)

/** Fields that we don't know may be there: the specification lets them. */
export const descriptorSchema = openObject({
  mediaType: v.pipe(v.string(), v.nonEmpty()),
  digest: digestSchema,
  size: integer(0, Number.MAX_SAFE_INTEGER),
  annotations
})
export type Descriptor = v.InferInput<typeof descriptorSchema>

const manifestSchema = openObject({
  schemaVersion: oneOf(2),
  mediaType: oneOf(MANIFEST_MEDIA_TYPE),
  artifactType: oneOf(ARTIFACT_TYPE),
  config: descriptorSchema,
  layers: v.array(descriptorSchema),
  annotations
})
type Manifest = v.InferInput<typeof manifestSchema>

const configSchema = openObject({ arguments: v.array(v.string()) })

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function encodeManifest(content: Content): EncodedManifest {
  const config = Buffer.from(JSON.stringify({ arguments: content.arguments }))
  const configDigest = sha256(config)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: { mediaType: CONFIG_MEDIA_TYPE, digest: configDigest, size: config.length },
    layers: [
      descriptor(KERNEL_MEDIA_TYPE, content.kernel, 'vmlinuz'),
      descriptor(INITRD_MEDIA_TYPE, content.initrd, 'initrd.img'),
      ...content.layers.map((layer, at) => descriptor(LAYER_MEDIA_TYPE, layer, `layer-${at}.squashfs`))
    ],
    ...(content.notes === '' ? {} : { annotations: { [DESCRIPTION]: content.notes } })
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  return { manifest: bytes, config, digest: sha256(bytes), configDigest }
}

/** Where a manifest's config is. @throws {MalformedManifest} */
export function configOf(manifest: Uint8Array): Blob {
  return blob(parseManifest(manifest).config)
}

/** @throws {MalformedManifest} when the two aren't a version of ours */
export function decodeManifest(manifest: Uint8Array, config: Uint8Array): Content {
  const parsed = parseManifest(manifest)
  if (sha256(config) !== parsed.config.digest) throw new MalformedManifest('the config is not the one that is named')
  const settings = check(configSchema, config, 'config')
  return {
    kernel: only(parsed, KERNEL_MEDIA_TYPE, 'kernel'),
    initrd: only(parsed, INITRD_MEDIA_TYPE, 'initrd'),
    layers: squashfsLayers(parsed),
    arguments: settings.arguments,
    notes: parsed.annotations?.[DESCRIPTION] ?? ''
  }
}

/** Title: the file name that `oras pull` gives it. */
function descriptor(mediaType: string, { digest, sizeBytes }: Blob, title: string): Descriptor {
  return { mediaType, digest, size: sizeBytes, annotations: { [TITLE]: title } }
}

function parseManifest(bytes: Uint8Array): Manifest {
  const manifest = check(manifestSchema, bytes, 'manifest')
  if (manifest.config.mediaType !== CONFIG_MEDIA_TYPE) {
    throw new MalformedManifest(`unknown config media type ${manifest.config.mediaType}`)
  }
  for (const { mediaType } of manifest.layers) {
    // A part that we would not hand to the machine: it would boot something else than was published.
    if (![KERNEL_MEDIA_TYPE, INITRD_MEDIA_TYPE, LAYER_MEDIA_TYPE].includes(mediaType)) {
      throw new MalformedManifest(`unknown layer media type ${mediaType}`)
    }
  }
  return manifest
}

function only(manifest: Manifest, mediaType: string, part: string): Blob {
  const [found, another] = manifest.layers.filter((layer) => layer.mediaType === mediaType)
  if (!found) throw new MalformedManifest(`the manifest names no ${part}`)
  if (another) throw new MalformedManifest(`the manifest names more than one ${part}`)
  return blob(found)
}

function squashfsLayers(manifest: Manifest): Blob[] {
  const found = manifest.layers.filter(({ mediaType }) => mediaType === LAYER_MEDIA_TYPE)
  if (found.length === 0) throw new MalformedManifest('the manifest names no squashfs layer')
  return found.map(blob)
}

function blob({ digest, size }: Descriptor): Blob {
  return { digest, sizeBytes: size }
}

/** What is read stays as it is: no schema here decodes anything. */
function check<const S extends v.GenericSchema>(schema: S, bytes: Uint8Array, what: string): v.InferInput<S> {
  const json = parseJson(bytes, what)
  if (v.is(schema, json)) return json
  const [first] = decode(schema, json).mistakes
  throw new MalformedManifest(`${[what, ...(first?.path ?? [])].join('/')}: ${first?.message ?? 'malformed'}`)
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new MalformedManifest(`${what} is not JSON`, { cause })
  }
}
