import t from 'tap'
import {
  ipv4,
  ipv4List,
  readIpv4,
  readSubOptions,
  readText,
  readU8,
  readU16,
  readU32,
  routes,
  subOptions,
  text,
  u8,
  u16,
  u32
} from '../../../server/dhcp/options.ts'
import { addr, bytes, latin1, net } from '../../support/dhcp-packets.ts'

const READERS: Record<
  string,
  { read: (o: ReadonlyMap<number, Uint8Array>, c: number) => unknown; good: Uint8Array; want: unknown }
> = {
  u8: { read: readU8, good: bytes(200), want: 200 },
  u16: { read: readU16, good: bytes(1, 2), want: 258 },
  u32: { read: readU32, good: bytes(255, 255, 255, 255), want: 4294967295 },
  ipv4: { read: readIpv4, good: bytes(192, 168, 77, 1), want: addr('192.168.77.1') }
}

t.test('a value is absent, well formed or malformed: three different things', async (t) => {
  for (const [name, { read, good, want }] of Object.entries(READERS)) {
    t.equal(read(new Map(), 9), undefined, `${name}: absent`)
    t.equal(read(new Map([[9, good]]), 9), want, `${name}: well formed`)
    for (const bad of [bytes(), bytes(...good, 0)]) {
      t.throws(
        () => read(new Map([[9, bad]]), 9),
        { code: 'ERR_MALFORMED_PACKET', field: 'option 9' },
        `${name}: malformed`
      )
    }
  }
})

t.test('text ends before its NULs', async (t) => {
  t.equal(readText(new Map([[12, latin1('host\0\0')]]), 12), 'host')
  t.equal(readText(new Map([[12, bytes()]]), 12), '')
  t.equal(readText(new Map(), 12), undefined)
})

t.test('values are written as they are read', async (t) => {
  t.same(u8(200), bytes(200))
  t.same(u16(258), bytes(1, 2))
  t.same(u32(4294967295), bytes(255, 255, 255, 255))
  t.same(ipv4(addr('10.1.2.3')), bytes(10, 1, 2, 3))
  t.same([...ipv4List([addr('10.0.0.1'), addr('10.0.0.2')])], [10, 0, 0, 1, 10, 0, 0, 2])
  t.same([...text('né')], [0x6e, 0xe9])
})

t.test('static routes name only the significant octets of their network (RFC 3442)', async (t) => {
  const via = addr('10.0.0.1')
  t.same(
    routes([
      { to: net('0.0.0.0/0'), via },
      { to: net('10.0.0.0/8'), via },
      { to: net('10.17.0.0/16'), via },
      { to: net('10.27.129.0/24'), via },
      { to: net('10.229.0.128/25'), via },
      { to: net('10.198.122.47/32'), via }
    ]),
    bytes(
      ...[0, 10, 0, 0, 1],
      ...[8, 10, 10, 0, 0, 1],
      ...[16, 10, 17, 10, 0, 0, 1],
      ...[24, 10, 27, 129, 10, 0, 0, 1],
      ...[25, 10, 229, 0, 128, 10, 0, 0, 1],
      ...[32, 10, 198, 122, 47, 10, 0, 0, 1]
    )
  )
})

t.test('sub-options are read with the tolerance of options', async (t) => {
  const cases: Record<string, { value: Uint8Array; want: [number, Uint8Array][] }> = {
    'two of them, PAD between and END': {
      value: bytes(6, 1, 8, 0, 71, 2, 1, 2, 255, 9, 9),
      want: [
        [6, bytes(8)],
        [71, bytes(1, 2)]
      ]
    },
    'the second runs past the end': { value: bytes(6, 1, 8, 71, 4, 1), want: [[6, bytes(8)]] },
    'a code alone': { value: bytes(6), want: [] },
    nothing: { value: bytes(), want: [] }
  }
  for (const [name, { value, want }] of Object.entries(cases)) t.same([...readSubOptions(value)], want, name)
  t.same(
    [
      ...subOptions([
        [6, bytes(8)],
        [71, bytes(1, 2)]
      ])
    ],
    [6, 1, 8, 71, 2, 1, 2]
  )
})
