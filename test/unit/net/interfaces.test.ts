import { networkInterfaces } from 'node:os'
import t from 'tap'
import {
  ipv4Beside,
  isWildcard,
  linkedInterfaces,
  localAddresses,
  type NetworkInterface
} from '../../../server/net/interfaces.ts'

function card(name: string, own: Partial<NetworkInterface>): NetworkInterface {
  return { name, index: 7, mtu: 1500, up: true, loopback: false, ipv4: [], ipv6: [], ...own }
}
const eth0 = card('eth0', { index: 2, ipv4: ['10.0.0.1', '10.0.1.1'], ipv6: ['fd00::1', 'fe80::1'] })
const eth1 = card('eth1', { index: 3, ipv4: ['10.0.0.1'], ipv6: ['fe80::1'] })
const off = card('eth2', { up: false, ipv4: ['10.9.0.1'] })
const all = [eth0, eth1, off]
const listed = (addresses: readonly string[]) => localAddresses(addresses, all).map(({ address }) => address)

t.test('the loopback card is among the linked ones', async (t) => {
  const loopback = linkedInterfaces().find((one) => one.ipv4.includes('127.0.0.1'))
  t.match(loopback, { loopback: true, up: true })
  t.ok((loopback?.mtu ?? 0) >= 1280)
})

t.test('a wildcard stands for each address of its family, none named twice', async (t) => {
  t.same(listed(['0.0.0.0']), ['10.0.0.1', '10.0.1.1'])
  t.same(listed(['::']), ['fd00::1', 'fe80::1%eth0', 'fe80::1%eth1'])
  t.same(listed(['10.0.1.1', '0.0.0.0']), ['10.0.1.1', '10.0.0.1'])
  t.ok(isWildcard('::') && isWildcard('0.0.0.0'))
  t.notOk(isWildcard('::1'))
})

t.test('an address knows its card, when it has one', async (t) => {
  t.same(localAddresses(['10.0.0.1', 'fe80::1%eth1', '192.0.2.7'], all), [
    { address: '10.0.0.1', card: eth0 },
    { address: 'fe80::1%eth1', card: eth1 },
    { address: '192.0.2.7', card: undefined }
  ])
})

t.test('the IPv4 address on the card that has an IPv6 one', async (t) => {
  const loopback = Object.values(networkInterfaces()).find((own) => own?.some(({ address }) => address === '127.0.0.1'))
  const hasIpv6 = loopback?.some(({ address }) => address === '::1')
  t.equal(ipv4Beside('::1'), hasIpv6 ? 0x7f000001 : undefined)
  t.equal(ipv4Beside('2001:db8::1'), undefined)
})
