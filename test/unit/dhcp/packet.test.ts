import t from 'tap'
import { decodeDhcp, encodeDhcp, PacketTooLong } from '../../../server/dhcp/packet.ts'
import { bytes, codesInOrder, latin1, packet, quad } from '../../support/dhcp-packets.ts'

/** A header of 240 bytes as on the wire, and what follows it. */
function wire(options: Uint8Array, at: Readonly<Record<number, Uint8Array>> = {}): Buffer {
  const out = Buffer.alloc(240 + options.length)
  out.set([1, 1, 6, 0, 0x12, 0x34, 0xab, 0xcd])
  out.set([0x52, 0x54, 0, 0x11, 0x22, 0x33], 28)
  out.set([0x63, 0x82, 0x53, 0x63], 236)
  for (const [offset, value] of Object.entries(at)) out.set(value, Number(offset))
  out.set(options, 240)
  return out
}

t.test('a message is read field by field', async (t) => {
  const datagram = wire(bytes(53, 1, 1, 255), {
    3: bytes(2), // hops
    8: bytes(0, 7, 0x80, 1), // secs, flags with a reserved bit
    12: bytes(10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4),
    44: latin1('server\0junk'),
    108: latin1('pxelinux.0\0junk')
  })
  t.same(decodeDhcp(datagram), {
    op: 'request',
    htype: 1,
    hops: 2,
    xid: 0x1234abcd,
    secs: 7,
    flags: 0x8001,
    ciaddr: 0x0a000001,
    yiaddr: 0x0a000002,
    siaddr: 0x0a000003,
    giaddr: 0x0a000004,
    chaddr: '52:54:00:11:22:33',
    sname: 'server',
    file: 'pxelinux.0',
    options: new Map([[53, bytes(1)]])
  })
})

t.test('options are read with tolerance', async (t) => {
  const cases: Record<string, { options: Uint8Array; want: [number, Uint8Array][] }> = {
    'C1: nothing after the cookie': { options: bytes(), want: [] },
    'C2: PAD between options': { options: bytes(0, 0, 53, 1, 1, 0, 255), want: [[53, bytes(1)]] },
    'C2: END is missing': { options: bytes(53, 1, 1), want: [[53, bytes(1)]] },
    'C2: what follows END is not read': { options: bytes(53, 1, 1, 255, 1, 1, 1), want: [[53, bytes(1)]] },
    'C2: an option runs past the end': { options: bytes(53, 1, 1, 60, 9, 80), want: [[53, bytes(1)]] },
    'C2: a code without its length': { options: bytes(53, 1, 1, 60), want: [[53, bytes(1)]] },
    'C2: RFC 3396, a repeated option is one value': {
      options: bytes(224, 1, 65, 53, 1, 1, 224, 2, 66, 67, 255),
      want: [
        [224, bytes(65, 66, 67)],
        [53, bytes(1)]
      ]
    },
    'C4: an unknown option is kept as it is': { options: bytes(235, 2, 9, 8, 255), want: [[235, bytes(9, 8)]] },
    'an empty option is there': { options: bytes(80, 0, 255), want: [[80, bytes()]] }
  }
  for (const [name, { options, want }] of Object.entries(cases)) {
    const found = [...decodeDhcp(wire(options)).options].map(([code, value]) => [code, Uint8Array.from(value)])
    t.same(found, want, name)
  }
})

t.test('C3: option 52 says that file and sname hold options too, in this order', async (t) => {
  const fields = { 108: bytes(67, 3, 98, 111, 111, 224, 1, 66, 255), 44: bytes(224, 1, 67, 255) }
  const both = decodeDhcp(wire(bytes(52, 1, 3, 224, 1, 65, 255), fields))
  t.same(
    [both.file, both.sname, [...both.options].map(([code, value]) => [code, Buffer.from(value).toString('latin1')])],
    [
      '',
      '',
      [
        [224, 'ABC'],
        [67, 'boo']
      ]
    ]
  )
  const fileOnly = decodeDhcp(wire(bytes(52, 1, 1, 255), { 44: latin1('name\0'), 108: bytes(67, 1, 98, 255) }))
  t.same([fileOnly.sname, fileOnly.file, [...fileOnly.options.keys()]], ['name', '', [67]])
})

t.test('C5: the hardware address has as many bytes as hlen says', async (t) => {
  const cases: Record<string, [htype: number, hlen: number, want: string]> = {
    Ethernet: [1, 6, '52:54:00:11:22:33'],
    'IPoIB has none': [32, 0, ''],
    'all sixteen bytes': [7, 16, '52:54:00:11:22:33:00:00:00:00:00:00:00:00:00:00']
  }
  for (const [name, [htype, hlen, want]] of Object.entries(cases)) {
    const decoded = decodeDhcp(wire(bytes(255), { 1: bytes(htype, hlen) }))
    t.same([decoded.htype, decoded.chaddr], [htype, want], name)
  }
})

t.test('what is no DHCP message is malformed, and says where', async (t) => {
  const cases: Record<string, { datagram: Uint8Array; field: string }> = {
    'an empty datagram': { datagram: bytes(), field: 'op' },
    'a header cut short': { datagram: wire(bytes()).subarray(0, 100), field: 'sname' },
    'no cookie': { datagram: wire(bytes()).subarray(0, 236), field: 'magic cookie' },
    'another cookie': { datagram: wire(bytes(), { 236: bytes(1, 2, 3, 4) }), field: 'magic cookie' },
    'an op that is neither': { datagram: wire(bytes(), { 0: bytes(3) }), field: 'op' },
    'a hardware address that does not fit': { datagram: wire(bytes(), { 2: bytes(17) }), field: 'hlen' }
  }
  for (const [name, { datagram, field }] of Object.entries(cases)) {
    t.throws(() => decodeDhcp(datagram), { name: 'MalformedPacket', code: 'ERR_MALFORMED_PACKET', field }, name)
  }
})

t.test('C1: a short reply is padded to 300 bytes, and only after END', async (t) => {
  const out = encodeDhcp(packet([[53, bytes(2)]]))
  t.equal(out.length, 300)
  t.same([...out.subarray(240, 245)], [53, 1, 2, 255, 0])
})

t.test('C10: options stand in the order that old firmware can read, with the relay agent last', async (t) => {
  const shuffled = [82, 61, 67, 66, 43, 97, 60, 224, 15, 6, 3, 1, 59, 58, 51, 54, 53, 12]
  const out = encodeDhcp(packet(shuffled.map((code) => [code, bytes(1)])))
  t.same(codesInOrder(out), [53, 54, 51, 58, 59, 1, 3, 6, 12, 15, 224, 60, 97, 43, 66, 67, 61, 82])
})

t.test('C2: RFC 3396, a value of more than 255 bytes is split, and read back as one', async (t) => {
  const long = new Uint8Array(600).map((_, i) => i)
  const out = encodeDhcp(packet([[224, long]]))
  t.same(codesInOrder(out), [224, 224, 224])
  t.same(Uint8Array.from(decodeDhcp(out).options.get(224) ?? []), long)
})

t.test('C3: a message that is too long uses file and sname, if it may', async (t) => {
  const long = packet([
    [53, bytes(5)],
    [15, new Uint8Array(100).fill(15)],
    [17, new Uint8Array(60).fill(17)],
    [224, new Uint8Array(250).fill(224)]
  ])
  t.throws(() => encodeDhcp(long, { maxLengthBytes: 548, overload: false }), PacketTooLong)
  const out = encodeDhcp(long, { maxLengthBytes: 548, overload: true })
  t.ok(out.length <= 548)
  t.same(decodeDhcp(out), decodeDhcp(encodeDhcp(long)))
  t.same([...out.subarray(240, 243)], [52, 1, 3], 'both were needed')
  const named = { ...long, file: 'pxelinux.0', sname: 'server' }
  t.throws(() => encodeDhcp(named, { maxLengthBytes: 548, overload: true }), PacketTooLong, 'used fields stay')
})

t.test('a name that its header field cannot hold is our own mistake', async (t) => {
  t.throws(() => encodeDhcp(packet([], { file: 'x'.repeat(128) })), RangeError)
  t.throws(() => encodeDhcp(packet([], { sname: 'x'.repeat(64) })), RangeError)
  t.equal(decodeDhcp(encodeDhcp(packet([], { file: 'x'.repeat(127) }))).file.length, 127)
})

t.test('the bytes of a decoded message are its own', async (t) => {
  const datagram = wire(Buffer.concat([bytes(54, 4), quad('10.0.0.1')]))
  const decoded = decodeDhcp(datagram)
  datagram.fill(0)
  t.same(Uint8Array.from(decoded.options.get(54) ?? []), quad('10.0.0.1'))
})
