// The one SQLite file behind everything that is kept. Every answered change is on disk before its answer leaves.
import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, Migrator } from 'kysely'
import { DurableDialect, WriteAheadLog } from './durable-dialect.ts'
import { MIGRATIONS } from './migrations.ts'
import { kyselyDatabase } from './sqlite.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>

const BUSY_TIMEOUT_MS = 5_000

/** The file is there but can't be used: of another program, damaged, or made by a newer rootcast. */
export class DatabaseUnusable extends Error {
  readonly code = 'DATABASE_UNUSABLE'
  readonly path: string

  constructor(path: string, options: ErrorOptions) {
    super(`${path} can't be used as the database`, options)
    this.name = 'DatabaseUnusable'
    this.path = path
  }
}

/**
 * Opens or makes the database and brings its tables up to date. Close it with `destroy()`.
 * @param path a file, or `:memory:`.
 * @throws DatabaseUnusable with the cause.
 */
export async function openDatabase(path: string): Promise<Database> {
  try {
    const sqlite = kyselyDatabase(openFile(path))
    const log = path === ':memory:' ? undefined : new WriteAheadLog(path)
    const close = () => {
      sqlite.close()
      log?.close().catch(() => undefined) // nothing is left to be synced
    }
    const database = new Kysely<Tables>({
      dialect: new DurableDialect({ database: { ...sqlite, close } }, async () => log?.sync())
    })
    await migrate(database)
    return database
  } catch (cause) {
    throw new DatabaseUnusable(path, { cause })
  }
}

function openFile(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
  try {
    // Hashes of secrets and who did what are nobody else's to read; -wal and -shm take the mode of the file.
    if (path !== ':memory:') chmodSync(path, 0o600)
    sqlite.exec('pragma journal_mode = wal')
    // Commits are synced by DurableDialect; with NORMAL what SQLite itself syncs keeps the file whole in a power cut.
    sqlite.exec('pragma synchronous = normal')
    // Nor does a change of many rows wait for a file in /var/tmp, which may be full or read-only when stateDir is not.
    sqlite.exec('pragma temp_store = memory')
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
}

async function migrate(database: Database): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  await database.destroy()
  throw error
}
