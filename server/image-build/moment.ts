// Which moment an image is of: the newest file of its packages. It depends on the packages alone, so that building the
// same ones tomorrow gives the same image, and no packaged file's time changes (Python compares them, for one).
import { lstat, readdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * The newest time, in whole seconds since 1970, of a regular file in `tree` that is older than `since`.
 * What the build itself wrote is younger than that; mksquashfs sets it back to this moment.
 */
export async function newestBefore(tree: string, since: string): Promise<number> {
  const begun = (await lstat(since)).mtimeMs
  let newestMs = 0
  for await (const mtimeMs of fileTimes(tree)) {
    if (mtimeMs < begun && mtimeMs > newestMs) newestMs = mtimeMs
  }
  return Math.ceil(newestMs / 1000)
}

async function* fileTimes(dir: string): AsyncGenerator<number> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const at = path.join(dir, entry.name)
    if (entry.isDirectory()) yield* fileTimes(at)
    else if (entry.isFile()) yield (await lstat(at)).mtimeMs
  }
}
