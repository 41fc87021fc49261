import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { kyselyDatabase } from '../../../server/state/sqlite.ts'

function database(t: { teardown(end: () => void): void }) {
  const adapted = kyselyDatabase(new DatabaseSync(':memory:'))
  t.teardown(() => adapted.close())
  adapted.prepare('create table numbers (n integer)').run([])
  return adapted
}

t.test('what gives rows is a reader, what changes them is not', async (t) => {
  const sqlite = database(t)
  t.equal(sqlite.prepare('select n from numbers').reader, true)
  t.equal(sqlite.prepare('insert into numbers values (?)').reader, false)
  t.equal(sqlite.prepare('insert into numbers values (?) returning n').reader, true)
})

t.test('values go in and come out', async (t) => {
  const sqlite = database(t)
  t.same(sqlite.prepare('insert into numbers values (?), (?)').run([7, null]), { changes: 2, lastInsertRowid: 2 })
  t.same(
    sqlite
      .prepare('select n from numbers order by n')
      .all([])
      .map((row) => ({ ...Object(row) })),
    [{ n: null }, { n: 7 }]
  )
})

t.test('two walks over the same query do not disturb one another', async (t) => {
  const sqlite = database(t)
  sqlite.prepare('insert into numbers values (1), (2)').run([])
  const walk = () => sqlite.prepare('select n from numbers').iterate([])
  const one = walk()
  const other = walk()
  t.match(one.next().value, { n: 1 })
  t.match(other.next().value, { n: 1 })
  t.match(one.next().value, { n: 2 })
})

t.test('what a database can’t hold is a mistake of ours, and said at once', async (t) => {
  const insert = database(t).prepare('insert into numbers values (?)')
  for (const value of [true, undefined, {}, new Date(0)]) t.throws(() => insert.run([value]), TypeError)
})

t.test('rolling back what SQLite has rolled back by itself is no mistake', async (t) => {
  const sqlite = database(t)
  sqlite.prepare('begin').run([])
  sqlite.prepare('insert into numbers values (1)').run([])
  sqlite.prepare('rollback').run([])
  t.same(sqlite.prepare('select n from numbers').all([]), [])
  t.doesNotThrow(() => sqlite.prepare('rollback').run([]))
})

t.test('more different queries than are kept still work', async (t) => {
  const sqlite = database(t)
  for (let n = 0; n < 600; n++) t.same({ ...Object(sqlite.prepare(`select ${n} as n`).all([])[0]) }, { n })
})
