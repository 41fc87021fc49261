import t from 'tap'
import { advertisement } from '../../../server/net/router-advertisement.ts'

t.test('one that says nothing has no flag, no lifetime and no option', async (t) => {
  t.equal(advertisement().toString('hex'), '86000000000000000000000000000000')
})

t.test('one that announces a prefix makes nobody a router, and nobody makes up an address', async (t) => {
  const prefix = { network: 'fd00:77::', prefix: 64 }
  const bytes = advertisement({ prefix, lifetimeSeconds: 3600 })
  t.equal(bytes.readUInt8(5), 0xc0, 'M and O: DHCPv6 gives addresses and the rest')
  t.equal(bytes.readUInt16BE(6), 0, 'the router lifetime')
  t.equal(
    bytes.subarray(16).toString('hex'),
    '0304408000000e1000000e1000000000fd000077000000000000000000000000',
    'RFC 4861 §4.6.2: on-link and not autonomous'
  )
})
