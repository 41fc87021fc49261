import { open, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loadReadCached } from '../../server/cached-reads.ts'

t.test('what was just written lies in memory, up to the end of the file', async (t) => {
  const path = join(t.testdir({ blob: 'abcdef'.repeat(10_000) }), 'blob')
  const file = await open(path)
  const readCached = await loadReadCached()
  if (readCached === undefined) throw new Error('koffi has a binary for every machine that tests run on')
  const into = Buffer.from(new ArrayBuffer(16), 4, 10)
  t.equal(readCached(file.fd, into, 59_995), 5)
  t.equal(into.toString('latin1', 0, 5), 'bcdef')
  t.equal(readCached(file.fd, into, 6), 10)
  t.equal(into.toString('latin1'), 'abcdefabcd')
  t.same(into.buffer.slice(0, 4), new ArrayBuffer(4), 'nothing outside of the buffer')
  t.equal(readCached(file.fd, into, 60_000), 0)
  await truncate(path, 8)
  t.equal(readCached(file.fd, into, 6), 2)
  await file.close()
  t.equal(readCached(file.fd, into, 0), 0, 'closed')
})
