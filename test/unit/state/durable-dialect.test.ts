import { existsSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import t, { type Test } from 'tap'
import { DurableDialect, type Sync, WriteAheadLog } from '../../../server/state/durable-dialect.ts'
import { kyselyDatabase } from '../../../server/state/sqlite.ts'
import { scratchDirectory } from '../../fakes/database.ts'

interface Numbers {
  readonly numbers: { n: number }
}

async function database(t: Test, sync: Sync): Promise<Kysely<Numbers>> {
  const sqlite = new DatabaseSync(':memory:')
  sqlite.exec('create table numbers (n integer)')
  const kysely = new Kysely<Numbers>({ dialect: new DurableDialect({ database: kyselyDatabase(sqlite) }, sync) })
  t.teardown(() => kysely.destroy())
  return kysely
}

const insert = (into: Kysely<Numbers>, n: number) => into.insertInto('numbers').values({ n })
const all = (from: Kysely<Numbers>) => from.selectFrom('numbers').select('n').execute()

t.test('a change is synced before it is done, a transaction once, and what only reads never', async (t) => {
  let syncs = 0
  const numbers = await database(t, async () => void syncs++)
  await all(numbers)
  t.equal(syncs, 0)
  await insert(numbers, 1).execute()
  t.equal(syncs, 1)
  await insert(numbers, 2).returning('n').execute()
  t.equal(syncs, 2, 'one that answers with rows, too')
  await sql`delete from numbers where n = 2`.execute(numbers)
  t.equal(syncs, 3)
  await numbers.transaction().execute(async (transaction) => {
    for (const n of [3, 4, 5]) await insert(transaction, n).execute()
    t.equal(syncs, 3)
  })
  t.equal(syncs, 4)
  await t.rejects(
    numbers.transaction().execute(async (transaction) => {
      await insert(transaction, 6).execute()
      throw new Error('no')
    }),
    { message: 'no' }
  )
  t.equal(syncs, 4)
  await insert(numbers, 7).execute()
  t.equal(syncs, 5, 'after a transaction that failed, too')
})

t.test('nobody reads what is not on disk yet, and the process goes on meanwhile', async (t) => {
  let onDisk = () => {}
  const numbers = await database(t, () => new Promise((resolve) => (onDisk = resolve)))
  const told: string[] = []
  const saved = insert(numbers, 1)
    .execute()
    .then(() => told.push('saved'))
  const read = all(numbers).then(() => told.push('read'))
  await new Promise<void>((resolve) => setImmediate(resolve))
  told.push('went on')
  onDisk()
  await Promise.all([saved, read])
  t.same(told, ['went on', 'saved', 'read'])
})

t.test('a disk that fails is told of as it says, and the next one who asks finds the database in order', async (t) => {
  let isBroken = true
  const numbers = await database(t, async () => {
    if (isBroken) throw new Error('EIO')
  })
  await t.rejects(insert(numbers, 1).execute(), { message: 'EIO' })
  const failing = numbers.transaction().execute((transaction) => insert(transaction, 2).execute())
  await t.rejects(failing, { message: 'EIO' })
  isBroken = false
  await numbers.transaction().execute((transaction) => insert(transaction, 3).execute())
})

t.test('the log that is synced is the one that SQLite writes', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const sqlite = new DatabaseSync(file)
  t.teardown(() => sqlite.close())
  sqlite.exec('pragma journal_mode = wal')
  sqlite.exec('create table numbers (n integer)')
  t.ok(existsSync(`${file}-wal`))
  const log = new WriteAheadLog(file)
  await log.sync()
  await log.sync()
  await log.close()
})

t.test('where there is none, that is an error and no success', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const log = new WriteAheadLog(file)
  await t.rejects(log.sync(), { code: 'ENOENT' })
  await log.close()
})
