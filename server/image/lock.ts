// One process at a time has a store open: what is unfinished work to the second is work in progress of the first.
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from './errors.ts'

export interface Lock {
  /** Once or more often. */
  release(): void
}

/**
 * Node has no flock(2). SQLite's own lock on an empty database is one that the kernel lets go when the process dies,
 * however it dies, and that holds across containers and network namespaces.
 * @throws {StoreError} STORE_LOCKED
 */
export function acquireLock(path: string): Lock {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new StoreError('STORE_LOCKED', `the image store is open in another process (${path})`, { cause })
  }
  return {
    release() {
      if (database.isOpen) database.close()
    }
  }
}
