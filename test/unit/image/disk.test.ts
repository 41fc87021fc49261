import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { isAbsent, isNoSpace, nodeDisk, writeSynced } from '../../../server/image/disk.ts'
import { filesIn } from '../../support/store.ts'

t.test('a new file, whole, under its new name', async (t) => {
  const dir = t.testdir()
  await writeSynced(nodeDisk, join(dir, 'a'), Buffer.from('content'))
  await nodeDisk.rename(join(dir, 'a'), join(dir, 'b'))
  await nodeDisk.sync(dir)
  t.equal(await readFile(join(dir, 'b'), 'utf8'), 'content')
  await nodeDisk.remove(join(dir, 'b'))
  await nodeDisk.remove(join(dir, 'b'))
  t.same(filesIn(dir), [])
})

t.test('chunks follow one another', async (t) => {
  const path = join(t.testdir(), 'a')
  const file = await nodeDisk.create(path)
  for (const chunk of ['one ', 'two ', 'three']) await file.write(Buffer.from(chunk))
  await file.sync()
  await file.close()
  t.equal(await readFile(path, 'utf8'), 'one two three')
})

t.test('an existing file is never written over', async (t) => {
  const dir = t.testdir({ a: 'there' })
  await t.rejects(nodeDisk.create(join(dir, 'a')), { code: 'EEXIST' })
})

t.test('what a failure means', async (t) => {
  const failed = (code: string) => Object.assign(new Error(code), { code })
  t.ok(isNoSpace(failed('ENOSPC')))
  t.ok(isNoSpace(failed('EDQUOT')))
  t.notOk(isNoSpace(failed('EIO')))
  t.ok(isAbsent(failed('ENOENT')))
  t.notOk(isAbsent(new Error('ENOENT')))
})
