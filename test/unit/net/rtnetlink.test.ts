import t from 'tap'
import { dumpRequest, InterfaceDump } from '../../../server/net/rtnetlink.ts'

const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)]
const u16 = (value: number) => [...new Uint8Array(Uint16Array.of(value).buffer)]
const padded = (bytes: readonly number[]) => [...bytes, ...Array((4 - (bytes.length % 4)) % 4).fill(0)]
const attribute = (type: number, value: readonly number[]) => padded([...u16(value.length + 4), ...u16(type), ...value])
const message = (type: number, body: readonly number[], flags = 2) =>
  padded([...u32(body.length + 16), ...u16(type), ...u16(flags), ...u32(0), ...u32(0), ...body])
const name = (text: string) => attribute(3, [...Buffer.from(`${text}\0`)])

const link = (index: number, flags: number, ...attributes: number[][]) =>
  message(16, [0, 0, ...u16(1), ...u32(index), ...u32(flags), ...u32(0), ...attributes.flat()])
const address = (family: number, flags: number, index: number, ...attributes: number[][]) =>
  message(20, [family, 24, flags, 0, ...u32(index), ...attributes.flat()])
const DONE = message(3, u32(0))

const LOOPBACK = 0x49
const UP = 0x1003
const DOWN = 0x1002

t.test('cards with their addresses, also those without a link or an address', (t) => {
  const dump = new InterfaceDump()
  t.notOk(dump.take(Uint8Array.from([...link(1, LOOPBACK, name('lo'), attribute(4, u32(65536)))])))
  t.notOk(
    dump.take(Uint8Array.from([...link(7, UP, attribute(4, u32(9000)), name('eth1')), ...link(9, DOWN, name('x'))]))
  )
  t.ok(dump.take(Uint8Array.from(DONE)))
  const v6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
  t.ok(
    dump.take(
      Uint8Array.from([
        ...address(2, 0x80, 1, attribute(1, [127, 0, 0, 1])),
        ...address(2, 0, 7, attribute(1, [10, 0, 0, 2]), attribute(2, [10, 0, 0, 1])),
        ...address(2, 0, 7, attribute(1, [192, 168, 77, 1])),
        ...address(10, 0, 7, attribute(1, v6)),
        ...address(10, 0x40, 7, attribute(1, v6)),
        ...address(10, 0, 7, attribute(1, v6), attribute(8, u32(0x48))),
        ...address(2, 0, 8, attribute(1, [1, 1, 1, 1])),
        ...DONE
      ])
    )
  )
  t.same(dump.interfaces, [
    { name: 'lo', index: 1, mtu: 65536, up: true, loopback: true, ipv4: ['127.0.0.1'], ipv6: [] },
    {
      name: 'eth1',
      index: 7,
      mtu: 9000,
      up: true,
      loopback: false,
      ipv4: ['10.0.0.1', '192.168.77.1'],
      ipv6: ['fd00::2']
    },
    { name: 'x', index: 9, mtu: 0, up: false, loopback: false, ipv4: [], ipv6: [] }
  ])
  t.notOk(dump.interrupted)
  t.end()
})

t.test('a change in the middle of the answer is noticed', (t) => {
  const dump = new InterfaceDump()
  dump.take(Uint8Array.from(message(3, u32(0), 2 | 0x10)))
  t.ok(dump.interrupted)
  t.end()
})

t.test('refusals and what is cut short', (t) => {
  const take =
    (...bytes: number[]) =>
    () =>
      new InterfaceDump().take(Uint8Array.from(bytes))
  t.throws(take(...message(2, u32(-13))), { message: 'rtnetlink: errno 13' })
  t.throws(take(...link(1, UP, name('eth0')).slice(0, -4)), { name: 'RangeError' })
  t.throws(take(...u32(3), ...Array(20).fill(0)), { name: 'RangeError' })
  t.throws(take(...link(1, UP, [...u16(40), ...u16(3)])), { name: 'RangeError' })
  t.end()
})

t.test('a request asks for all', (t) => {
  t.equal(Buffer.from(dumpRequest('links')).readUInt8(4), 18)
  t.equal(Buffer.from(dumpRequest('addresses')).readUInt8(4), 22)
  t.end()
})
