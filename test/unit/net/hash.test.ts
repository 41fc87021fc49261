import t from 'tap'
import { hash } from '../../../server/net/hash.ts'

t.test('FNV-1a, as its authors’ test vectors have it', async (t) => {
  t.equal(hash(''), 0x811c9dc5)
  t.equal(hash('a'), 0xe40c292c)
  t.equal(hash('foobar'), 0xbf9cf968)
})
