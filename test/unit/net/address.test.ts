import t from 'tap'
import { formatAddress, parseAddress, urlHost } from '../../../server/net/address.ts'

t.test('sockets write addresses of both families', async (t) => {
  t.equal(parseAddress('10.0.0.1'), 0x0a000001)
  t.equal(parseAddress('::ffff:10.0.0.1'), 0x0a000001, 'an IPv4 client at a socket for both')
  t.equal(parseAddress('FD00:77:0::1'), 'fd00:77::1')
  t.equal(parseAddress('fe80::1%eth0'), 'fe80::1')
  for (const text of ['', 'localhost', '10.0.0', 'fd00:77']) t.equal(parseAddress(text), undefined, text)
})

t.test('and so do we, with brackets in URLs', async (t) => {
  t.equal(formatAddress(0x0a000001), '10.0.0.1')
  t.equal(formatAddress('fd00:77::1'), 'fd00:77::1')
  t.equal(urlHost(0x0a000001), '10.0.0.1')
  t.equal(urlHost('fd00:77::1'), '[fd00:77::1]')
})
