import t from 'tap'
import { destinationOf, informDestination } from '../../../server/dhcp/destination.ts'
import { factsOf } from '../../../server/dhcp/facts.ts'
import type { DhcpPacket } from '../../../server/dhcp/packet.ts'
import { formatIpv4 } from '../../../server/net/ipv4.ts'
import { addr, bytes, message, type OptionList } from '../../support/dhcp-packets.ts'

const SOURCE = { address: addr('192.168.77.50'), port: 2067 }
const show = ({ address, port }: { address: number; port: number }) => `${formatIpv4(address)}:${port}`

t.test('D1: where a reply goes', async (t) => {
  const relay = { giaddr: addr('10.0.0.1') }
  const renewing = { ciaddr: addr('192.168.77.50') }
  const cases: Record<
    string,
    { reply?: 'offer' | 'ack' | 'nak'; header?: Partial<DhcpPacket>; options?: OptionList; want: string }
  > = {
    'to the relay agent': { header: { ...relay, ...renewing }, want: '10.0.0.1:67' },
    'RFC 8357: to the port it sent from': { header: relay, options: [[82, bytes(19, 0)]], want: '10.0.0.1:2067' },
    'to a client with an address': { reply: 'ack', header: renewing, want: '192.168.77.50:68' },
    'a NAK to such a client': { reply: 'nak', header: renewing, want: '255.255.255.255:68' },
    'a NAK by way of the relay': { reply: 'nak', header: relay, want: '10.0.0.1:67' },
    'to a client without an address': { want: '255.255.255.255:68' },
    'D2: even if it could take a unicast': { header: { flags: 0 }, want: '255.255.255.255:68' }
  }
  for (const [name, { reply = 'offer', header = {}, options = [], want }] of Object.entries(cases)) {
    const request = message('request', options, header)
    t.equal(show(destinationOf(request, factsOf(request), reply, SOURCE)), want, name)
  }
})

t.test('D7: where the answer to INFORM goes', async (t) => {
  const cases: Record<string, { header: Partial<DhcpPacket>; source?: number; want: string }> = {
    'to ciaddr': { header: { ciaddr: addr('192.168.77.9') }, want: '192.168.77.9:68' },
    'without ciaddr, to the source': { header: {}, want: '192.168.77.50:68' },
    'without either, to all': { header: {}, source: 0, want: '255.255.255.255:68' },
    'by the relay agent': { header: { giaddr: addr('10.0.0.1') }, want: '10.0.0.1:67' }
  }
  for (const [name, { header, source = SOURCE.address, want }] of Object.entries(cases)) {
    const request = message('inform', [], header)
    t.equal(show(informDestination(request, factsOf(request), { address: source, port: 68 })), want, name)
  }
})
