import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sql } from 'kysely'
import type { Test } from 'tap'
import { type Database, openDatabase } from '../../server/state/database.ts'
import type { Tables } from '../../server/state/tables.ts'

/** An empty database in memory, closed with the test. */
export async function memoryDatabase(t: Test): Promise<Database> {
  const database = await openDatabase(':memory:')
  t.teardown(() => database.destroy())
  return database
}

/** A directory of its own for a test, removed with it. */
export function scratchDirectory(t: Test): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'rootcast-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** From now on, until called off, every write to this table fails as a broken disk makes it fail. */
export async function breakWrites(database: Database, table: keyof Tables): Promise<() => Promise<void>> {
  for (const verb of ['insert', 'update', 'delete']) {
    const trigger = sql.ref(`broken_${verb}_${table}`)
    const body = sql.raw(`begin select raise(abort, 'the disk is broken'); end`)
    await sql`create trigger ${trigger} before ${sql.raw(verb)} on ${sql.table(table)} ${body}`.execute(database)
  }
  return async () => {
    for (const verb of ['insert', 'update', 'delete']) {
      await sql`drop trigger ${sql.ref(`broken_${verb}_${table}`)}`.execute(database)
    }
  }
}
