// What is measured of the image store.
import { statfs } from 'node:fs/promises'
import type { Version } from '../boot/model.ts'
import { type Family, gauge } from './exposition.ts'

/** @param directory where the store is */
export async function collectImages(versions: readonly Version[], directory: string): Promise<readonly Family[]> {
  const { bavail, bsize } = await statfs(directory)
  const blobs = versions.flatMap(({ kernel, initrd, layers }) => [kernel, initrd, ...layers])
  // Versions share what they have in common.
  const sizes = new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
  return [
    gauge('rootcast_images', 'Images with a version', new Set(versions.map(({ image }) => image)).size),
    gauge('rootcast_image_versions', 'Versions of all images', versions.length),
    gauge('rootcast_image_store_bytes', 'Kernels, initrds and layers in the store', sum(sizes.values())),
    gauge('rootcast_image_store_free_bytes', 'Room left where the store is', bavail * bsize)
  ]
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
