import t from 'tap'
import {
  ackBlock,
  decodeTftp,
  encodeAck,
  encodeData,
  encodeError,
  encodeOack,
  encodeRequest,
  writeDataHeader
} from '../../../server/tftp/packet.ts'
import { MalformedPacket } from '../../../server/wire/cursor.ts'

const wire = (text: string) => Buffer.from(text, 'latin1')

t.test('an RRQ as EDK2 sends it', async (t) => {
  const rrq = wire('\0\x01bootx64.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0')
  t.same(decodeTftp(rrq), {
    kind: 'request',
    operation: 'read',
    name: 'bootx64.efi',
    mode: 'octet',
    options: new Map([
      ['tsize', '0'],
      ['blksize', '1468'],
      ['windowsize', '4']
    ])
  })
})

t.test(
  'T5: option names and the mode are folded to lower case, and of a repeated option the first counts',
  async (t) => {
    const packet = decodeTftp(wire('\0\x01X\0OcTeT\0BLKSIZE\x001024\0blksize\x00512\0'))
    t.match(packet, { name: 'X', mode: 'octet' })
    t.same(packet.kind === 'request' && packet.options, new Map([['blksize', '1024']]))
  }
)

t.test('zeros after the last option are padding', async (t) => {
  t.match(decodeTftp(wire('\0\x01x\0octet\0\0\0\0')), { name: 'x', mode: 'octet' })
})

t.test('T5: a request of 1,500 bytes is read', async (t) => {
  t.match(decodeTftp(wire(`\0\x01${'n'.repeat(1490)}\0octet\0`)), { kind: 'request' })
})

const malformed: readonly (readonly [string, Buffer])[] = [
  ['nothing', wire('')],
  ['one byte', wire('\0')],
  ['opcode 0', wire('\0\0ab')],
  ['opcode 7', wire('\0\x07ab')],
  ['T17: a name without NUL', wire('\0\x01name')],
  ['a mode without NUL', wire('\0\x01name\0octet')],
  ['an option without value', wire('\0\x01name\0octet\0blksize\0')],
  ['a value without NUL', wire('\0\x01name\0octet\0blksize\x00512')],
  ['a request far too long', wire(`\0\x01${'n'.repeat(1600)}\0octet\0`)],
  ['half a block number', wire('\0\x04\0')],
  ['DATA without block', wire('\0\x03')],
  ['ERROR without code', wire('\0\x05\0')]
]
for (const [what, bytes] of malformed) {
  t.test(`malformed: ${what}`, async (t) => {
    t.throws(() => decodeTftp(bytes), MalformedPacket)
  })
}

t.test('ERROR without its closing NUL is understood', async (t) => {
  t.same(decodeTftp(wire('\0\x05\0\x08User aborted')), { kind: 'error', errorCode: 8, message: 'User aborted' })
})

t.test('what we send, byte by byte', async (t) => {
  t.same(encodeData(1, wire('ab')), wire('\0\x03\0\x01ab'))
  t.same(encodeAck(513), wire('\0\x04\x02\x01'))
  t.same(encodeError(1, 'file not found'), wire('\0\x05\0\x01file not found\0'))
  t.same(encodeOack(new Map([['blksize', '1428']])), wire('\0\x06blksize\x001428\0'))
  t.same(
    encodeRequest({ operation: 'write', name: 'n', mode: 'octet', options: new Map([['tsize', '9']]) }),
    wire('\0\x02n\0octet\0tsize\x009\0')
  )
})

t.test('T12: block 65536 is 0 on the wire', async (t) => {
  const header = Buffer.alloc(4)
  writeDataHeader(header, 0, 65536)
  t.same(header, wire('\0\x03\0\0'))
  t.same(encodeAck(65537), wire('\0\x04\0\x01'))
})

t.test('the number of an ACK without decoding', async (t) => {
  t.equal(ackBlock(encodeAck(65535)), 65535)
  t.equal(ackBlock(wire('\0\x04\0\x07padding')), 7)
  t.equal(ackBlock(wire('\0\x04\0')), undefined)
  t.equal(ackBlock(wire('\0\x05\0\0')), undefined)
  t.equal(ackBlock(wire('\x01\x04\0\0')), undefined)
})
