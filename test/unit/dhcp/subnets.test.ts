import t from 'tap'
import { factsOf } from '../../../server/dhcp/facts.ts'
import type { DhcpPacket } from '../../../server/dhcp/packet.ts'
import { chooseSubnet, serverAddress } from '../../../server/dhcp/subnets.ts'
import { formatSubnet } from '../../../server/net/ipv4.ts'
import { addr, bytes, message, net, type OptionList, quad, roomOf } from '../../support/dhcp-packets.ts'

const rooms = ['10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24', '10.0.4.0/24', '10.0.5.0/24'].map((subnet) =>
  roomOf({ subnet: net(subnet) })
)
const link = { name: 'eth0', addresses: [addr('172.16.0.1'), addr('10.0.5.1')] }
const LINK_SELECTION = [82, bytes(5, 4, 10, 0, 1, 0)] as const
const SUBNET_SELECTION = [118, quad('10.0.2.0')] as const
const RELAYED = { giaddr: addr('10.0.3.1') }
const RENEWING = { ciaddr: addr('10.0.4.77') }

t.test('D4: which subnet a client is in', async (t) => {
  const cases: Record<string, { options?: OptionList; header?: Partial<DhcpPacket>; want: string | undefined }> = {
    'the relay’s link selection, before all': {
      options: [LINK_SELECTION, SUBNET_SELECTION],
      header: { ...RELAYED, ...RENEWING },
      want: '10.0.1.0/24'
    },
    'the client’s subnet selection': {
      options: [SUBNET_SELECTION],
      header: { ...RELAYED, ...RENEWING },
      want: '10.0.2.0/24'
    },
    'the relay’s address': { header: { ...RELAYED, ...RENEWING }, want: '10.0.3.0/24' },
    'the client’s address': { header: RENEWING, want: '10.0.4.0/24' },
    'the receiving interface, by any of its addresses': { want: '10.0.5.0/24' },
    'a link selection without a relay is the client’s word, and void': {
      options: [LINK_SELECTION],
      want: '10.0.5.0/24'
    },
    'a relay of a subnet that is not ours': { header: { giaddr: addr('10.9.9.1') }, want: undefined }
  }
  for (const [name, { options = [], header = {}, want }] of Object.entries(cases)) {
    const request = message('discover', options, header)
    const found = chooseSubnet(rooms, request, factsOf(request), link)
    t.equal(found && formatSubnet(found.subnet), want, name)
  }
})

t.test('what we call ourselves', async (t) => {
  const subnet = roomOf({ subnet: net('10.0.5.0/24') })
  t.equal(serverAddress(subnet, link), addr('10.0.5.1'), 'our address in the client’s subnet')
  t.equal(serverAddress(roomOf(), link), addr('172.16.0.1'), 'the first one, for a relayed client')
  t.equal(serverAddress(undefined, link), addr('172.16.0.1'))
  t.equal(serverAddress({ ...subnet, serverAddress: addr('10.0.5.9') }, link), addr('10.0.5.9'), 'as configured')
  t.equal(serverAddress(undefined, { name: 'eth0', addresses: [] }), undefined)
})
