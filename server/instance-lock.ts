// One daemon for each state directory: a second one would sweep away what the first is still writing.
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { alreadyRunning } from './start-error.ts'

const SQLITE_BUSY = 5

/**
 * Holds the directory until released, or until this process ends, however it ends.
 * @throws StartError ALREADY_RUNNING
 */
export function lockDirectory(directory: string): { release(): void } {
  // An open transaction on an otherwise empty SQLite file: the one kernel lock that Node can hold without native code.
  const file = path.join(directory, 'lock')
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!isBusy(error)) throw error
    throw alreadyRunning(directory, 'stateDir', error)
  }
  return { release: () => database.close() }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
