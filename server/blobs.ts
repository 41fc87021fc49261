// Blobs as files: what the resolver of names needs to know of the image store's bytes.
import { stat } from 'node:fs/promises'
import type { StoredBlob } from './boot/names.ts'
import type { Soon } from './soon.ts'

/**
 * Looks at the disk once for each blob, for its bytes never change.
 * Rejects when the disk is broken; a blob that was collected meanwhile is undefined.
 */
export function storedBlobs(
  blobPath: (digest: string) => string | undefined
): (digest: string) => Soon<StoredBlob | undefined> {
  const known = new Map<string, StoredBlob>()
  const look = async (digest: string, path: string): Promise<StoredBlob | undefined> => {
    try {
      const found = await stat(path)
      const blob = { path, sizeBytes: found.size, modifiedAt: found.mtimeMs }
      known.set(digest, blob)
      return blob
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }
  return (digest) => {
    const path = blobPath(digest)
    const before = known.get(digest)
    if (before !== undefined && before.path === path) return before
    known.delete(digest)
    return path === undefined ? undefined : look(digest, path)
  }
}
