import t from 'tap'
import { MalformedPacket, Reader } from '../../../server/wire/cursor.ts'

t.test('reads big-endian numbers and text in order', async (t) => {
  const r = new Reader(Buffer.from('01020304050607' + '61620000' + '6364', 'hex'))
  t.equal(r.u8('a'), 1)
  t.equal(r.u16('b'), 0x0203)
  t.equal(r.u32('c'), 0x04050607)
  t.equal(r.text(4, 'd'), 'ab', 'a field ends at its first NUL')
  t.equal(r.remaining, 2)
  t.equal(r.text(2, 'e'), 'cd', 'a full field needs none')
})

t.test('a C string ends with its NUL, and lacks it at its peril', async (t) => {
  const r = new Reader(Buffer.from('octet\0rest', 'latin1'))
  t.equal(r.cstring('mode'), 'octet')
  t.throws(() => r.cstring('name'), { field: 'name', offset: 6, code: 'ERR_MALFORMED_PACKET' })
})

t.test('every overrun names its field and place', async (t) => {
  const r = new Reader(Buffer.alloc(3))
  r.u16('first')
  for (const read of [() => r.u16('x'), () => r.u32('x'), () => r.bytes(2, 'x'), () => r.text(9, 'x')]) {
    t.throws(read, new MalformedPacket('x', 2))
  }
  t.equal(r.remaining, 1, 'a failed read consumes nothing')
})

t.test('sees only its own window of a larger buffer', async (t) => {
  const whole = new Uint8Array([9, 9, 1, 2, 9, 9])
  const r = new Reader(whole.subarray(2, 4))
  t.equal(r.u16('both'), 0x0102)
  t.throws(() => r.u8('neighbour'), MalformedPacket)
})
