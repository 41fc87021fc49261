import { networkInterfaces } from 'node:os'
import t from 'tap'
import { ipv4Beside, localAddresses, mtuOf } from '../../../server/net/interfaces.ts'

t.test("the loopback card's MTU, by its address", async (t) => {
  t.ok((mtuOf('127.0.0.1') ?? 0) >= 1280)
  t.equal(mtuOf('192.0.2.1'), undefined)
})

t.test('0.0.0.0 stands for each address, and none is named twice', async (t) => {
  const all = localAddresses(['0.0.0.0', '127.0.0.1'])
  t.ok(all.includes('127.0.0.1'))
  t.equal(new Set(all).size, all.length)
  t.notOk(all.includes('0.0.0.0'))
  t.same(localAddresses(['192.0.2.7']), ['192.0.2.7'])
})

t.test('the IPv4 address on the card that has an IPv6 one', async (t) => {
  const loopback = Object.values(networkInterfaces()).find((own) => own?.some(({ address }) => address === '127.0.0.1'))
  const hasIpv6 = loopback?.some(({ address }) => address === '::1')
  t.equal(ipv4Beside('::1'), hasIpv6 ? 0x7f000001 : undefined)
  t.equal(ipv4Beside('2001:db8::1'), undefined)
})
