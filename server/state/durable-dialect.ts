// SQLite whose changes are on disk before they are done, while the process goes on with other things. SQLite's own way
// (`synchronous = full`) waits for the disk within the commit, in the thread that serves everybody.
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
  SelectQueryNode,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver
} from 'kysely'

/** Resolves when everything committed so far is on disk. */
export type Sync = () => Promise<void>

export class DurableDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig
  readonly #sync: Sync

  constructor(config: SqliteDialectConfig, sync: Sync) {
    super(config)
    this.#config = config
    this.#sync = sync
  }

  override createDriver(): SqliteDriver {
    return new DurableDriver(this.#config, this.#sync)
  }
}

/** Whoever holds the one connection keeps it until the disk has answered, so nobody reads what may still be lost. */
class DurableDriver extends SqliteDriver {
  readonly #sync: Sync
  #isInTransaction = false

  constructor(config: SqliteDialectConfig, sync: Sync) {
    super(config)
    this.#sync = sync
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection()
    return {
      executeQuery: <R>(query: CompiledQuery) => this.#execute<R>(connection, query),
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize)
    }
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    this.#isInTransaction = true
    await super.beginTransaction(connection)
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection)
    await this.#sync()
    this.#isInTransaction = false
  }

  /** Also of one that was committed, when the sync fails: then there is nothing to roll back, which is no error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection)
    } finally {
      this.#isInTransaction = false
    }
  }

  async #execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    const result = await connection.executeQuery<R>(query)
    if (!SelectQueryNode.is(query.query) && !this.#isInTransaction) await this.#sync()
    return result
  }
}

/** The write-ahead log of a database, which holds every commit until it is copied to its place. */
export class WriteAheadLog {
  readonly #path: string
  #handle: FileHandle | undefined

  /** @param databasePath an open database in WAL mode, that stays open for as long as this is used. */
  constructor(databasePath: string) {
    this.#path = `${databasePath}-wal`
  }

  /** Rejects with the kernel's error (EIO, ENOSPC): what was committed may be lost. */
  async sync(): Promise<void> {
    this.#handle ??= await this.#opened()
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #opened(): Promise<FileHandle> {
    const handle = await open(this.#path, 'r+')
    // It may be a new one: its name has to last as well.
    const directory = await open(path.dirname(this.#path))
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
    return handle
  }
}
