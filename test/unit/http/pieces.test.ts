import t from 'tap'
import { Pieces } from '../../../server/http/pieces.ts'

t.test('a piece is as large as is wanted, within bounds', async (t) => {
  const pieces = new Pieces()
  t.equal(pieces.take(1).length, 4 * 1024)
  t.equal(pieces.take(100_000).length, 64 * 1024)
  t.equal(pieces.take(1e9).length, 256 * 1024)
})

t.test('the more are out, the smaller they become: four thousand are within 70 MB', async (t) => {
  const pieces = new Pieces()
  const out = Array.from({ length: 4096 }, () => pieces.take(1e9))
  const bytes = out.reduce((sum, piece) => sum + piece.length, 0)
  t.ok(bytes < 70e6, `${bytes} bytes`)
  t.equal(out.at(-1)?.length, 4 * 1024)
  for (const piece of out) pieces.give(piece)
  t.equal(pieces.take(1e9).length, 256 * 1024, 'and large again when they are back')
})

t.test('what is given back is taken again', async (t) => {
  const pieces = new Pieces()
  const piece = pieces.take(1e9)
  pieces.give(piece)
  t.equal(pieces.take(1e9), piece)
  t.not(pieces.take(1e9), piece)
})
