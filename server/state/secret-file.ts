// Files that hold a secret: whole or not there, readable by their owner alone, never for a moment by others.
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes `secret` and a newline, over what was there. On disk when it resolves. */
export async function writeSecret(path: string, secret: string): Promise<void> {
  const draft = `${path}.new`
  // One left by a crash may have another mode, and opening it would keep that.
  await rm(draft, { force: true })
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${secret}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncDirectory(dirname(path))
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
