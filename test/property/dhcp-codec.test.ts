// The laws of the DHCP codec: what is written is read, and whatever comes from the network is a message or malformed.
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { factsOf } from '../../server/dhcp/facts.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../server/dhcp/packet.ts'
import { MalformedPacket } from '../../server/wire/cursor.ts'

const address = fc.nat({ max: 0xffffffff })
const name = (maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((c) => String.fromCharCode(c)), maxLength })
const options = fc
  .uniqueArray(
    fc.tuple(
      fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52),
      fc.uint8Array({ maxLength: 300 })
    ),
    { selector: ([code]) => code, maxLength: 12 }
  )
  .map((list) => new Map(list))

const anyPacket: fc.Arbitrary<DhcpPacket> = fc.record({
  op: fc.constantFrom('request', 'reply'),
  htype: fc.nat({ max: 255 }),
  hops: fc.nat({ max: 255 }),
  xid: address,
  secs: fc.nat({ max: 65535 }),
  flags: fc.nat({ max: 65535 }),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ maxLength: 16 }).map((bytes) =>
    Buffer.from(bytes)
      .toString('hex')
      .replace(/..(?!$)/g, '$&:')
  ),
  sname: name(63),
  file: name(127),
  options
})

const LARGE = { maxLengthBytes: 65535, overload: false }

/** What must hold of every message that we can write. */
function lawsHold(
  t: Test,
  packets: fc.Arbitrary<DhcpPacket>,
  limits: { maxLengthBytes: number; overload: boolean }
): void {
  fc.assert(
    fc.property(packets, (packet) => {
      let once: Buffer
      try {
        once = encodeDhcp(packet, limits)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'DHCP_PACKET_TOO_LONG') return
        throw error
      }
      const read = decodeDhcp(once)
      if (JSON.stringify(plain(read)) !== JSON.stringify(plain(packet))) throw new Error('read differs from written')
      if (!encodeDhcp(read, limits).equals(once)) throw new Error('written again, it differs')
      if (once.length < 300 || once.length > Math.max(300, limits.maxLengthBytes)) throw new Error('length')
    }),
    { numRuns: 2000 }
  )
  t.pass('read is what was written, and writing it again gives the same bytes')
}

function plain(packet: DhcpPacket): unknown {
  const byCode = [...packet.options].sort(([a], [b]) => a - b)
  return [{ ...packet, options: 0 }, byCode.map(([code, value]) => [code, Buffer.from(value).toString('hex')])]
}

t.test('round trip', async (t) => lawsHold(t, anyPacket, LARGE))

t.test('round trip in as little room as there may be, with file and sname holding options', async (t) => {
  const unnamed = anyPacket.map((packet) => ({ ...packet, sname: '', file: '' }))
  lawsHold(t, unnamed, { maxLengthBytes: 548, overload: true })
})

function onlyMalformed(datagram: Uint8Array): void {
  try {
    factsOf(decodeDhcp(datagram))
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error
  }
}

t.test('noise is malformed, and nothing worse', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), onlyMalformed), { numRuns: 5000 })
  t.pass()
})

t.test('a message mutated, cut short or run into another is a message or malformed, and nothing worse', async (t) => {
  const damage = fc.record({
    packet: anyPacket,
    other: anyPacket,
    bytes: fc.array(fc.tuple(fc.nat({ max: 1499 }), fc.nat({ max: 255 })), { maxLength: 8 }),
    keep: fc.nat({ max: 1500 }),
    joined: fc.boolean()
  })
  fc.assert(
    fc.property(damage, ({ packet, other, bytes, keep, joined }) => {
      const whole = encodeDhcp(packet, LARGE)
      const datagram = joined ? Buffer.concat([whole, encodeDhcp(other, LARGE)]) : whole
      for (const [at, value] of bytes) datagram[at % datagram.length] = value
      onlyMalformed(datagram)
      onlyMalformed(datagram.subarray(0, keep))
    }),
    { numRuns: 5000 }
  )
  t.pass()
})
