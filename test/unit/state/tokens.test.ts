import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { AuditLog } from '../../../server/state/audit.ts'
import { Tokens } from '../../../server/state/tokens.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { breakWrites, memoryDatabase, scratchDirectory } from '../../fakes/database.ts'

async function setUp(t: Test) {
  const clock = new FakeClock(1_000)
  const database = await memoryDatabase(t)
  let drawn = 0
  const randomBytes = (length: number) => Buffer.alloc(length, ++drawn)
  const open = () => Tokens.open(database, { clock, randomBytes })
  return { clock, database, tokens: await open(), reopen: open }
}

t.test('a secret proves a token, also after a restart, and is kept nowhere', async (t) => {
  const { tokens, database, reopen } = await setUp(t)
  const { token, secret } = await tokens.create('ci', 'publish', 'ann')
  t.match(secret, /^rc_[0-9A-Za-z_-]{43}$/)
  t.match(token, { name: 'ci', scope: 'publish', createdAt: 1_000 })
  for (const each of [tokens, await reopen()]) {
    t.match(each.verify(secret), { id: token.id, scope: 'publish' })
    for (const wrong of ['', 'rc_', secret.slice(0, -1), `${secret}x`]) t.equal(each.verify(wrong), undefined)
  }
  const [row] = await database.selectFrom('tokens').selectAll().execute()
  t.equal(row?.hash, createHash('sha256').update(secret).digest('hex'))
  const audit = await database.selectFrom('audit').selectAll().execute()
  t.notMatch(JSON.stringify([row, audit]), secret)
})

t.test('a revoked token is nobody’s', async (t) => {
  const { tokens, reopen } = await setUp(t)
  const { token, secret } = await tokens.create('ci', 'publish', 'ann')
  t.equal(await tokens.remove(token.id, 'ann'), true)
  t.equal(await tokens.remove(token.id, 'ann'), false)
  for (const each of [tokens, await reopen()]) t.equal(each.verify(secret), undefined)
})

t.test('the last one that can make others stays', async (t) => {
  const { tokens } = await setUp(t)
  const first = await tokens.create('first', 'admin', 'ann')
  await tokens.create('ci', 'publish', 'ann')
  await t.rejects(tokens.remove(first.token.id, 'ann'), { code: 'LAST_ADMIN_TOKEN' })
  const second = await tokens.create('second', 'admin', 'ann')
  const removals = [first, second].map(({ token }) => tokens.remove(token.id, 'ann'))
  t.same(
    (await Promise.allSettled(removals)).map(({ status }) => status),
    ['fulfilled', 'rejected']
  )
})

t.test('when it was used last, to the minute', async (t) => {
  const { tokens, clock, reopen } = await setUp(t)
  const { secret } = await tokens.create('ci', 'read', 'ann')
  const lastUsed = async () => (await reopen()).list()[0]?.lastUsedAt
  t.equal(await lastUsed(), undefined)
  tokens.verify(secret)
  t.equal(await lastUsed(), 1_000)
  clock.advance(59_999)
  tokens.verify(secret)
  t.equal(await lastUsed(), 1_000)
  clock.advance(1)
  tokens.verify(secret)
  t.equal(await lastUsed(), 61_000)
})

t.test('a disk that can’t take the moment of use keeps nobody out', async (t) => {
  const { tokens, database } = await setUp(t)
  const { secret } = await tokens.create('ci', 'read', 'ann')
  await breakWrites(database, 'tokens')
  t.ok(tokens.verify(secret))
  t.ok(tokens.verify(secret))
})

t.test('the first admin token is in a file of its owner’s, once', async (t) => {
  const { tokens, reopen } = await setUp(t)
  const file = path.join(scratchDirectory(t), 'admin-token')
  t.equal(await tokens.ensureAdminToken(file), true)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const secret = readFileSync(file, 'utf8').trim()
  t.match(tokens.verify(secret), { scope: 'admin', name: 'admin' })
  t.equal(await tokens.ensureAdminToken(file), false)
  t.equal(await (await reopen()).ensureAdminToken(file), false)
  t.equal(readFileSync(file, 'utf8').trim(), secret)
})

t.test('where the file can’t be written there is no token, and the next start tries again', async (t) => {
  const { tokens } = await setUp(t)
  const file = path.join(scratchDirectory(t), 'admin-token')
  mkdirSync(file)
  await t.rejects(tokens.ensureAdminToken(file))
  t.same(tokens.list(), [])
  rmdirSync(file)
  t.equal(await tokens.ensureAdminToken(file), true)
})

t.test('cut off between the file and the row, the next start writes the file anew', async (t) => {
  const { tokens, database, reopen } = await setUp(t)
  const file = path.join(scratchDirectory(t), 'admin-token')
  const mend = await breakWrites(database, 'tokens')
  await t.rejects(tokens.ensureAdminToken(file), { message: 'the disk is broken' })
  const stale = readFileSync(file, 'utf8').trim()
  await mend()
  const next = await reopen()
  t.equal(next.verify(stale), undefined)
  t.equal(await next.ensureAdminToken(file), true)
  t.ok(next.verify(readFileSync(file, 'utf8').trim()))
})

t.test('making and revoking is audited', async (t) => {
  const { tokens, database, clock } = await setUp(t)
  await tokens.create('one', 'admin', 'ann')
  const { token } = await tokens.create('ci', 'read', 'ann')
  await tokens.remove(token.id, 'ben')
  const [last] = await new AuditLog(database, clock).list({ limit: 1 })
  t.match(last, { actor: 'ben', action: 'token.remove', target: token.id, details: { name: 'ci', scope: 'read' } })
})
