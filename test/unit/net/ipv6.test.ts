import t from 'tap'
import {
  contains6,
  formatPrefix6,
  ipv6Bytes,
  ipv6FromBytes,
  isLinkLocal,
  linkLocal,
  macOfEui64,
  parseIpv6,
  parsePrefix6
} from '../../../server/net/ipv6.ts'

t.test('equal addresses are equal strings', async (t) => {
  for (const text of ['fd00:77::1', 'FD00:77::1', 'fd00:0077:0:0:0:0:0:1', 'fd00:77::1%lan']) {
    t.equal(parseIpv6(text), 'fd00:77::1', text)
  }
  t.equal(parseIpv6('1:0:0:2:0:0:0:3'), '1:0:0:2::3', 'the longest run of zeros, as RFC 5952 has it')
  for (const text of ['', '10.0.0.1', 'fd00:77', ':::', '1:2:3:4:5:6:7:8:9', 'g::']) t.equal(parseIpv6(text), undefined)
})

t.test('addresses round-trip through their bytes', async (t) => {
  for (const text of ['::', '::1', 'fd00:77::1', 'ff02::1:2', '2001:db8:1:2:3:4:5:6']) {
    t.equal(ipv6Bytes(text).length, 16)
    t.equal(ipv6FromBytes(ipv6Bytes(text)), text)
  }
})

t.test('a prefix has no host bits', async (t) => {
  t.same(parsePrefix6('fd00:77::/64'), { network: 'fd00:77::', prefix: 64 })
  t.same(parsePrefix6('::/0'), { network: '::', prefix: 0 })
  t.equal(formatPrefix6({ network: 'fd00:77::', prefix: 64 }), 'fd00:77::/64')
  for (const text of ['fd00:77::1/64', 'fd00:77::/129', 'fd00:77::', 'fd00::/64/2', '10.0.0.0/8', 'fe80::%a/64']) {
    t.equal(parsePrefix6(text), undefined, text)
  }
})

t.test('a prefix contains its addresses and no others', async (t) => {
  const prefix = { network: 'fd00:77::', prefix: 64 }
  t.ok(contains6(prefix, 'fd00:77::ffff:ffff:ffff:ffff'))
  t.notOk(contains6(prefix, 'fd00:77:0:1::'))
  t.ok(contains6({ network: 'fd00:70::', prefix: 29 }, 'fd00:77::1'))
  t.ok(isLinkLocal('fe80::1'))
  t.ok(isLinkLocal('febf:ffff::1'), 'all of fe80::/10')
  t.notOk(isLinkLocal('fec0::1'))
})

t.test('the link-local address is the modified EUI-64 of the MAC, and back', async (t) => {
  t.equal(linkLocal('52:54:00:77:00:01'), 'fe80::5054:ff:fe77:1')
  t.equal(linkLocal('00:1b:21:aa:bb:cc'), 'fe80::21b:21ff:feaa:bbcc')
  for (const mac of ['52:54:00:77:00:01', '00:1b:21:aa:bb:cc']) t.equal(macOfEui64(linkLocal(mac)), mac)
  t.equal(macOfEui64('fe80::1'), undefined)
})
