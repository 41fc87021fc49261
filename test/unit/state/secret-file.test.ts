import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { writeSecret } from '../../../server/state/secret-file.ts'
import { scratchDirectory } from '../../fakes/database.ts'

t.test('the secret is there, for its owner alone, and nothing beside it', async (t) => {
  const directory = scratchDirectory(t)
  const file = path.join(directory, 'token')
  await writeSecret(file, 'rc_1')
  t.equal(readFileSync(file, 'utf8'), 'rc_1\n')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(readdirSync(directory), ['token'])
})

t.test('what a crash left half written, readable by all, does not come through', async (t) => {
  const file = path.join(scratchDirectory(t), 'token')
  writeFileSync(`${file}.new`, 'half', { mode: 0o644 })
  writeFileSync(file, 'old', { mode: 0o644 })
  await writeSecret(file, 'rc_2')
  t.equal(readFileSync(file, 'utf8'), 'rc_2\n')
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('where it can’t be written, the old one stays', async (t) => {
  const file = path.join(scratchDirectory(t), 'token')
  writeFileSync(file, 'old')
  mkdirSync(`${file}.new`)
  await t.rejects(writeSecret(file, 'rc_3'))
  t.equal(readFileSync(file, 'utf8'), 'old')
})
