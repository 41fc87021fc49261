// Blobs as files: what the resolver of names needs to know of the image store's bytes.
import { stat } from 'node:fs/promises'
import { type StoredBlob } from './boot/names.ts'

/** Rejects when the disk is broken; a blob that was collected meanwhile is undefined. */
export function storedBlobs(
  blobPath: (digest: string) => string | undefined
): (digest: string) => Promise<StoredBlob | undefined> {
  return async (digest) => {
    const path = blobPath(digest)
    if (path === undefined) return undefined
    try {
      const found = await stat(path)
      return { path, sizeBytes: found.size, modifiedAt: found.mtimeMs }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }
}
