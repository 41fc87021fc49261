import t from 'tap'
import { bootif, parseMac } from '../../../server/net/mac.ts'

t.test('any notation becomes lower case with colons', async (t) => {
  for (const text of ['52:54:00:AB:cd:ef', '52-54-00-ab-cd-ef', '5254.00ab.cdef', '525400ABCDEF']) {
    t.equal(parseMac(text), '52:54:00:ab:cd:ef', text)
  }
})

t.test('anything else is no address', async (t) => {
  for (const text of ['', '52:54:00:ab:cd', '52:54:00:ab:cd:ef:00', '52:54:00:ab:cd:eg', 'localhost']) {
    t.equal(parseMac(text), undefined, text)
  }
})

t.test('BOOTIF carries the hardware type in front', async (t) => {
  t.equal(bootif('52:54:00:ab:cd:ef'), '01-52-54-00-ab-cd-ef')
})
