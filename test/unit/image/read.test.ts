import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readPieces } from '../../../server/image/read.ts'

const never = new AbortController().signal

t.test('a whole file, piece by piece, in one buffer', async (t) => {
  const file = join(t.testdir(), 'file')
  const content = Buffer.from(Array.from({ length: 600_000 }, (_, i) => i % 251))
  await writeFile(file, content)
  const copies: Buffer[] = []
  const buffers = new Set<ArrayBufferLike>()
  for await (const piece of readPieces(file, never)) {
    copies.push(Buffer.from(piece))
    buffers.add(piece.buffer)
  }
  t.ok(copies.length > 1)
  t.equal(buffers.size, 1)
  t.ok(Buffer.concat(copies).equals(content))
})

t.test('an empty file has no piece, and one that is not there is an error', async (t) => {
  const dir = t.testdir({ empty: '' })
  for await (const piece of readPieces(join(dir, 'empty'), never)) t.fail(`${piece.length} bytes of nothing`)
  await t.rejects(readPieces(join(dir, 'none'), never).next(), { code: 'ENOENT' })
})

t.test('it ends with the reason of whoever aborts', async (t) => {
  const file = join(t.testdir({ file: 'x'.repeat(600_000) }), 'file')
  const end = new AbortController()
  const pieces = readPieces(file, end.signal)
  await pieces.next()
  end.abort(new Error('enough'))
  await t.rejects(pieces.next(), { message: 'enough' })
})
