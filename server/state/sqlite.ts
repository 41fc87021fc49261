// node:sqlite in the shape that Kysely's SQLite dialect takes (better-sqlite3's).
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** Kysely writes the same text for the same query, so that a few hundred statements are all there are. */
const STATEMENTS_KEPT = 256

export function kyselyDatabase(sqlite: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  return {
    close: () => sqlite.close(),
    prepare(sql) {
      const known = kept.get(sql)
      if (known) return known
      const made = sql === 'rollback' ? rollback(sqlite) : adapt(sqlite.prepare(sql), () => sqlite.prepare(sql))
      if (kept.size >= STATEMENTS_KEPT) kept.delete(kept.keys().next().value ?? sql)
      kept.set(sql, made)
      return made
    }
  }
}

/** A full disk has SQLite roll back by itself; a complaint that nothing is left to be rolled back would hide that reason. */
function rollback(sqlite: DatabaseSync): SqliteStatement {
  const statement = adapt(sqlite.prepare('rollback'), () => sqlite.prepare('rollback'))
  return {
    ...statement,
    run: (parameters) => (sqlite.isTransaction ? statement.run(parameters) : { changes: 0, lastInsertRowid: 0 })
  }
}

/** A statement can only be walked by one reader at a time: `fresh` gives every iteration its own. */
function adapt(statement: StatementSync, fresh: () => StatementSync): SqliteStatement {
  statement.setReturnArrays(true)
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => rowsOf(statement, parameters),
    run: (parameters) => statement.run(...bindable(parameters)),
    iterate: (parameters) => fresh().iterate(...bindable(parameters))
  }
}

/** Node's own objects have no prototype, which makes ten thousand leases several times as dear as these. */
function rowsOf(statement: StatementSync, parameters: readonly unknown[]): Record<string, unknown>[] {
  const rows: readonly unknown[] = statement.all(...bindable(parameters))
  const names = statement.columns().map(({ name }) => name)
  return rows.map((row) => {
    const object: Record<string, unknown> = {}
    if (Array.isArray(row)) for (let i = 0; i < names.length; i += 1) object[names[i] ?? ''] = row[i]
    return object
  })
}

function bindable(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map((value) => {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
      return value
    }
    if (value instanceof Uint8Array) return value
    throw new TypeError(`a ${typeof value} cannot be stored`)
  })
}
