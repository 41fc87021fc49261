// Publishing: files go from disk to the daemon as they are read, with a bar for whoever watches.
import { randomBytes } from 'node:crypto'
import type { Static } from 'typebox'
import { ChannelSchema, VersionSchema } from '../http/schema.ts'
import { channelAt } from './channel.ts'
import type { ApiClient } from './client.ts'
import type { Output } from './context.ts'
import { contentBytes, multipart, type Part } from './multipart.ts'
import { byteProgress } from './progress.ts'

export type PublishedVersion = Static<typeof VersionSchema>

export interface Publication {
  readonly image: string
  /** Undefined: the daemon names it by the time. */
  readonly version: string | undefined
  readonly kernel: string
  readonly initrd: string
  /** Squashfs files, bottom first; or one tar that becomes a squashfs over there. */
  readonly root: { readonly layers: readonly string[] } | { readonly tar: string }
  readonly notes: string | undefined
  readonly arguments: readonly string[]
}

export async function publish(client: ApiClient, publication: Publication, stderr: Output): Promise<PublishedVersion> {
  const parts = partsOf(publication)
  const progress = byteProgress(stderr, `Publishing ${publication.image}`, await contentBytes(parts))
  try {
    const boundary = `rootcast-${randomBytes(16).toString('hex')}`
    const body = await multipart(parts, boundary, (sentBytes) => progress.update(sentBytes))
    return await client.upload(versionsOf(publication.image), body, VersionSchema)
  } finally {
    progress.stop()
  }
}

/** Beside the answer: it was published, and yet may not boot. */
export function warn({ warnings }: PublishedVersion, stderr: Output): void {
  for (const warning of warnings) stderr.write(`Warning: ${warning}\n`)
}

export function promote(client: ApiClient, image: string, version: string, channel: string) {
  return client.put(channelAt(image, channel), { version }, ChannelSchema)
}

export function versionsOf(image: string): string {
  return `/images/${encodeURIComponent(image)}/versions`
}

/** Small fields first: the daemon refuses a version that exists before it has taken gigabytes. */
function partsOf({ version, kernel, initrd, root, notes, arguments: args }: Publication): readonly Part[] {
  const files: readonly Part[] =
    'tar' in root ? [{ name: 'root', file: root.tar }] : root.layers.map((file) => ({ name: 'layer', file }))
  return [
    ...(version === undefined ? [] : [{ name: 'version', value: version }]),
    ...(notes === undefined ? [] : [{ name: 'notes', value: notes }]),
    ...args.map((value) => ({ name: 'arguments', value })),
    { name: 'kernel', file: kernel },
    { name: 'initrd', file: initrd },
    ...files
  ]
}
