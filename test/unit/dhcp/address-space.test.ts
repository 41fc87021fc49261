import t from 'tap'
import { AddressSpace } from '../../../server/dhcp/address-space.ts'
import { formatIpv4 } from '../../../server/net/ipv4.ts'
import { addr, net, roomOf } from '../../support/dhcp-packets.ts'

const range = (from: string, to: string) => ({ from: addr(from), to: addr(to) })

t.test('several pools are counted through as one', async (t) => {
  const space = new AddressSpace(
    roomOf({ pools: [range('192.168.77.10', '192.168.77.11'), range('192.168.77.200', '192.168.77.200')] })
  )
  t.equal(space.size, 3)
  const at = [0, 1, 2, 3, 0xffffffff].map((index) => formatIpv4(space.at(index) ?? 0))
  t.same(at, ['192.168.77.10', '192.168.77.11', '192.168.77.200', '192.168.77.10', '192.168.77.10'])
  const walk = [space.next(), space.next(), space.next(), space.next(), space.next()]
  t.same(walk, [addr('192.168.77.10'), addr('192.168.77.11'), addr('192.168.77.200'), undefined, undefined])
})

t.test('a subnet without pools hands out nothing by itself', async (t) => {
  const space = new AddressSpace(roomOf({ pools: [] }))
  t.same([space.size, space.at(7), space.next()], [0, undefined, undefined])
})

t.test('what can never be a client’s is not usable', async (t) => {
  const space = new AddressSpace(
    roomOf({ pools: [range('192.168.77.0', '192.168.77.255')], serverAddress: addr('192.168.77.2') })
  )
  space.exclude(addr('192.168.77.3'))
  const cases: Record<string, boolean> = {
    '192.168.77.0': false, // the network
    '192.168.77.1': false, // the router
    '192.168.77.2': false, // the server
    '192.168.77.3': false, // another address of the server
    '192.168.77.4': true,
    '192.168.77.255': false, // the broadcast address
    '192.168.78.4': false // not in the subnet
  }
  for (const [address, want] of Object.entries(cases)) {
    t.equal(space.usable(addr(address)), want, address)
    t.equal(space.inPool(addr(address)), want, address)
  }
})

t.test('RFC 3021: both addresses of a /31 are hosts', async (t) => {
  const pools = [range('10.0.0.0', '10.0.0.1')]
  const space = new AddressSpace(roomOf({ subnet: net('10.0.0.0/31'), router: undefined, pools }))
  t.same([space.usable(addr('10.0.0.0')), space.usable(addr('10.0.0.1'))], [true, true])
})
