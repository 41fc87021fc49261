// The few things that the store does to a disk, each as durable as its name says.
// They are an interface so that a test can stop the world between any two of them.
import { open, rename, rm } from 'node:fs/promises'

export interface DiskFile {
  /** Writes all of it, or fails. */
  write(chunk: Uint8Array): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** A new file; an existing one is an error. */
  create(path: string): Promise<DiskFile>
  /** fsync of a file, or of a directory: the names in it. */
  sync(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** A file or a whole directory; nothing there is fine. */
  remove(path: string): Promise<void>
}

export const nodeDisk: Disk = {
  async create(path) {
    const file = await open(path, 'wx', 0o644)
    return {
      write: (chunk) => file.appendFile(chunk),
      sync: () => file.sync(),
      close: () => file.close()
    }
  },
  async sync(path) {
    await using file = await open(path, 'r')
    await file.sync()
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true })
}

/** A file with these bytes, on the platter when this resolves; its name is not, until the directory is synced. */
export async function writeSynced(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.create(path)
  try {
    await file.write(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

export function isNoSpace(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')
}

export function isReadOnly(error: unknown): boolean {
  return hasCode(error, 'EROFS')
}

export function isPresent(error: unknown): boolean {
  return hasCode(error, 'EEXIST')
}

export function isAbsent(error: unknown): boolean {
  return hasCode(error, 'ENOENT')
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
