import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import { openDatabase } from '../../../server/state/database.ts'
import { memoryDatabase, scratchDirectory } from '../../fakes/database.ts'

async function pragma(database: Awaited<ReturnType<typeof openDatabase>>, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(database)
  return Object.values(rows[0] ?? {})[0]
}

t.test('SQLite keeps the file whole, foreign keys hold, and another writer is waited for', async (t) => {
  const database = await openDatabase(path.join(scratchDirectory(t), 'state.sqlite'))
  t.teardown(() => database.destroy())
  t.equal(await pragma(database, 'journal_mode'), 'wal')
  t.equal(await pragma(database, 'synchronous'), 1)
  t.equal(await pragma(database, 'foreign_keys'), 1)
  t.equal(await pragma(database, 'busy_timeout'), 5000)
})

t.test('the file is its owner’s alone', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const database = await openDatabase(file)
  t.teardown(() => database.destroy())
  await sql`select 1`.execute(database)
  for (const name of [file, `${file}-wal`, `${file}-shm`]) t.equal(statSync(name).mode & 0o777, 0o600, name)
})

t.test('opening again keeps what is there and changes no table', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const first = await openDatabase(file)
  await first.insertInto('groups').values({ name: 'lab', settings: '{}' }).execute()
  await first.destroy()
  const second = await openDatabase(file)
  t.teardown(() => second.destroy())
  t.same(await second.selectFrom('groups').selectAll().execute(), [{ name: 'lab', settings: '{}' }])
})

t.test('a file that is no database is refused and left as it is', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  writeFileSync(file, 'a letter to my aunt, much longer than the header of a database file would be, and no database')
  await t.rejects(openDatabase(file), { code: 'DATABASE_UNUSABLE', path: file, cause: { message: /not a database/ } })
  t.equal(statSync(file).size, 93)
})

t.test('a database of a newer rootcast is refused', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const database = await openDatabase(file)
  await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '')`.execute(database)
  await database.destroy()
  await t.rejects(openDatabase(file), { code: 'DATABASE_UNUSABLE' })
})

t.test('a directory that is not there is refused', async (t) => {
  await t.rejects(openDatabase(path.join(scratchDirectory(t), 'no', 'state.sqlite')), { code: 'DATABASE_UNUSABLE' })
})

t.test('a transaction that fails leaves nothing', async (t) => {
  const database = await memoryDatabase(t)
  const failing = database.transaction().execute(async (transaction) => {
    await transaction.insertInto('groups').values({ name: 'lab', settings: '{}' }).execute()
    throw new Error('after the insert')
  })
  await t.rejects(failing, { message: 'after the insert' })
  t.same(await database.selectFrom('groups').selectAll().execute(), [])
})
