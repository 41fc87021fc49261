import t from 'tap'
import {
  broadcastAddress,
  contains,
  formatIpv4,
  formatSubnet,
  netmask,
  parseIpv4,
  parseSubnet
} from '../../../server/net/ipv4.ts'

t.test('addresses round-trip through their dotted form', async (t) => {
  for (const text of ['0.0.0.0', '10.0.0.1', '192.168.77.255', '255.255.255.255']) {
    t.equal(formatIpv4(parseIpv4(text) ?? -1), text)
  }
  t.equal(parseIpv4('255.0.0.1'), 0xff000001, 'high addresses stay positive')
})

t.test('what is no dotted quad is no address', async (t) => {
  for (const text of ['', '10.0.0', '10.0.0.256', '10.0.0.1.2', '0x0a.0.0.1', '10', ' 10.0.0.1', '10.0.0.-1', '::1']) {
    t.equal(parseIpv4(text), undefined, text)
  }
})

t.test('subnets', async (t) => {
  const room = parseSubnet('192.168.76.0/23')
  t.same(room, { network: parseIpv4('192.168.76.0'), prefix: 23 })
  if (!room) return
  t.equal(formatSubnet(room), '192.168.76.0/23')
  t.equal(formatIpv4(broadcastAddress(room)), '192.168.77.255')
  t.ok(contains(room, parseIpv4('192.168.77.254') ?? 0))
  t.notOk(contains(room, parseIpv4('192.168.78.0') ?? 0))
  for (const text of ['10.0.0.1/24', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/24/8', '10.0.0.0/-1']) {
    t.equal(parseSubnet(text), undefined, text)
  }
})

t.test('netmasks at both ends', async (t) => {
  t.same([0, 1, 24, 32].map(netmask).map(formatIpv4), ['0.0.0.0', '128.0.0.0', '255.255.255.0', '255.255.255.255'])
})
