// Which blobs are still wanted, and the end of those that aren't. The store calls this in its own turn, so that no
// publication is between its blobs and its index entry when a blob goes.
import * as v from 'valibot'
import { openObject } from '../decode.ts'
import { isAbsent } from './disk.ts'
import type { OciLayout } from './layout.ts'
import { digestSchema } from './manifest.ts'
import type { Index } from './oci-index.ts'

const namedSchema = openObject({ mediaType: v.string(), digest: digestSchema })
export type Named = v.InferInput<typeof namedSchema>

/** Media types whose blobs name further blobs; those of Docker too, as another tool may have put them here. */
const NAMING = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.artifact.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json'
])

/**
 * Removes those of `candidates` that nothing in the index names. Where a manifest can't be read nobody knows what it
 * names, and nothing at all is removed.
 */
export async function collect(
  layout: OciLayout,
  index: Index,
  candidates: Iterable<string>
): Promise<{ readonly removed: readonly string[]; readonly unreadable: readonly string[] }> {
  const { named, unreadable } = await namedIn(layout, index)
  const removed = unreadable.length > 0 ? [] : [...new Set(candidates)].filter((digest) => !named.has(digest))
  await layout.removeBlobs(removed)
  return { removed, unreadable }
}

async function namedIn(
  layout: OciLayout,
  index: Index
): Promise<{ readonly named: ReadonlySet<string>; readonly unreadable: readonly string[] }> {
  const named = new Set<string>()
  const unreadable: string[] = []
  const unread: string[] = index.manifests.map(({ digest }) => digest)
  for (let digest = unread.pop(); digest !== undefined; digest = unread.pop()) {
    const children = await childrenOf(layout, digest)
    named.add(digest)
    if (!children) unreadable.push(digest)
    for (const child of children ?? []) {
      if (NAMING.has(child.mediaType) && !named.has(child.digest)) unread.push(child.digest)
      named.add(child.digest)
    }
  }
  return { named, unreadable }
}

async function childrenOf(layout: OciLayout, digest: string): Promise<readonly Named[] | undefined> {
  try {
    return namedBy(await layout.readBlob(digest))
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Pure: every descriptor in a JSON blob, at any depth, whatever the field is called. Undefined when it is no JSON. */
export function namedBy(bytes: Uint8Array): readonly Named[] | undefined {
  const found: Named[] = []
  try {
    JSON.parse(Buffer.from(bytes).toString('utf8'), (_, value: unknown) => {
      if (v.is(namedSchema, value)) found.push(value)
      return value
    })
  } catch {
    return undefined
  }
  return found
}
