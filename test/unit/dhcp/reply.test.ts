import t from 'tap'
import { factsOf } from '../../../server/dhcp/facts.ts'
import { type DhcpPacket, decodeDhcp } from '../../../server/dhcp/packet.ts'
import { encodeReply, nakPacket, networkFacts, type ReplyInput, replyPacket } from '../../../server/dhcp/reply.ts'
import { addr, bytes, latin1, message, net, optionsOf, packet, quad, roomOf } from '../../support/dhcp-packets.ts'

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

function replied(request: DhcpPacket, overrides: Partial<ReplyInput> = {}): DhcpPacket {
  return replyPacket({
    request,
    facts: factsOf(request),
    messageType: 2,
    serverId: addr('192.168.77.1'),
    yiaddr: addr('192.168.77.100'),
    grantsLease: true,
    subnet: roomOf(),
    hostname: undefined,
    boot: undefined,
    ...overrides
  })
}

const FULL_ROOM = roomOf({
  dns: [addr('192.168.77.2'), addr('192.168.77.3')],
  domain: 'room.example',
  ntp: [addr('192.168.77.4')],
  mtu: 1400,
  routes: [{ to: net('10.0.0.0/8'), via: addr('192.168.77.254') }],
  options: new Map([[252, latin1('wpad')]])
})

function encoded(...of: Parameters<typeof encodeReply>) {
  const reply = encodeReply(...of)
  if (!reply) throw new Error('no room')
  return reply
}

t.test('an offer says what the subnet says', async (t) => {
  const reply = replied(message('discover'), { subnet: FULL_ROOM, hostname: 'pc1' })
  t.same(optionsOf(reply.options), {
    1: 'ffffff00',
    3: 'c0a84d01',
    6: 'c0a84d02c0a84d03',
    12: hex('pc1'),
    15: hex('room.example'),
    26: '0578',
    28: 'c0a84dff',
    42: 'c0a84d04',
    51: '00000e10',
    53: '02',
    54: 'c0a84d01',
    58: '00000708',
    59: '00000c4e',
    121: '080ac0a84dfe00c0a84d01', // RFC 3442: with the default route
    252: hex('wpad')
  })
})

t.test('a parameter list leaves out what it does not name, but never mask, router and DNS', async (t) => {
  const reply = replied(message('discover', [[55, bytes(15)]]), { subnet: FULL_ROOM, hostname: 'pc1' })
  t.same(Object.keys(optionsOf(reply.options)), ['1', '3', '6', '15', '51', '53', '54', '58', '59', '252'])
})

t.test('C12, D5: RFC 2131 table 3, what is copied from the request', async (t) => {
  const request = message(
    'discover',
    [
      [61, bytes(255, 1)],
      [82, bytes(1, 1, 7)]
    ],
    {
      flags: 0x8000,
      hops: 3,
      secs: 9,
      giaddr: addr('10.0.0.1'),
      ciaddr: addr('192.168.77.9')
    }
  )
  t.same(
    { ...replied(request), options: 0 },
    {
      ...request,
      op: 'reply',
      hops: 0,
      secs: 0,
      yiaddr: addr('192.168.77.100'),
      options: 0
    }
  )
  t.match(optionsOf(replied(request).options), { 61: 'ff01', 82: '010107' }, 'client-id and relay agent')
})

t.test('D5: without a relay agent option 82 is not echoed', async (t) => {
  t.notOk(replied(message('discover', [[82, bytes(1, 1, 7)]])).options.has(82))
})

t.test('a reply without a lease has no times', async (t) => {
  const found = optionsOf(replied(message('inform'), { grantsLease: false, yiaddr: 0, messageType: 5 }).options)
  t.same(
    [51, 58, 59].filter((code) => code in found),
    []
  )
})

t.test('raw options go over ours, the host’s over the subnet’s, and never over the protocol’s own', async (t) => {
  const raw = new Map([3, 15, 53, 54, 61, 82, 52].map((code) => [code, latin1('raw')]))
  const boot = { siaddr: 0, file: '', options: new Map([[15, latin1('host')]]) }
  const found = optionsOf(replied(message('discover'), { subnet: roomOf({ options: raw }), boot }).options)
  t.match(found, { 3: hex('raw'), 15: hex('host'), 53: '02', 54: 'c0a84d01' })
  t.same(
    [52, 61, 82].filter((code) => code in found),
    []
  )
})

t.test('raw lease times go to those who get a lease, and option 51 is never raw', async (t) => {
  const raw = new Map([51, 58, 59].map((code) => [code, latin1('raw!')]))
  const subnet = roomOf({ options: raw })
  t.match(optionsOf(replied(message('discover'), { subnet }).options), { 51: '00000e10', 58: hex('raw!') })
  const found = optionsOf(replied(message('inform'), { subnet, grantsLease: false }).options)
  t.same(
    [51, 58, 59].filter((code) => code in found),
    []
  )
})

t.test('P1: option 97 comes back with the boot options', async (t) => {
  const request = message('discover', [[97, bytes(0, 1)]])
  const boot = { siaddr: 1, file: 'x', options: new Map([[60, latin1('PXEClient')]]) }
  t.equal(optionsOf(replied(request, { boot }).options)[97], '0001')
  t.notOk(replied(request).options.has(97))
})

t.test('a NAK says no and why, and nothing else', async (t) => {
  const request = message(
    'request',
    [
      [61, bytes(1)],
      [50, quad('10.0.0.1')]
    ],
    { ciaddr: addr('10.0.0.1') }
  )
  const nak = nakPacket(request, addr('192.168.77.1'), 'no')
  t.match(nak, { op: 'reply', ciaddr: 0, yiaddr: 0, siaddr: 0, flags: 0, xid: request.xid })
  t.same(optionsOf(nak.options), { 53: '06', 54: 'c0a84d01', 56: hex('no'), 61: '01' })
  const relayed = { ...request, giaddr: addr('10.0.0.1'), options: new Map([...request.options, [82, bytes(1, 0)]]) }
  t.match(nakPacket(relayed, 1, 'no'), { flags: 0x8000 }, 'D6: the relay agent must broadcast it')
  t.ok(nakPacket(relayed, 1, 'no').options.has(82))
})

t.test('what does not fit is left out, the longest first, and never what is needed', async (t) => {
  const facts = factsOf(
    message('discover', [
      [60, latin1('PXEClient')],
      [93, bytes(0, 0)]
    ])
  )
  const reply = packet([
    [53, bytes(2)],
    [67, new Uint8Array(200).fill(1)],
    [224, new Uint8Array(250).fill(2)],
    [15, new Uint8Array(60).fill(3)]
  ])
  const { bytes: datagram, leftOut } = encoded(reply, facts)
  t.same(leftOut, [224])
  t.ok(datagram.length <= 548)
  t.same([...decodeDhcp(datagram).options.keys()], [53, 15, 67])
  const hopeless = packet([[67, new Uint8Array(400)]])
  t.equal(encodeReply(hopeless, facts), undefined)
})

t.test('C3: a system with little room gets it all, in file and sname', async (t) => {
  const facts = factsOf(message('discover'))
  const reply = packet([
    [53, bytes(2)],
    [224, new Uint8Array(255).fill(2)],
    [17, new Uint8Array(80).fill(3)]
  ])
  const { bytes: datagram, leftOut } = encoded(reply, facts)
  t.same([leftOut, datagram.length <= 548], [[], true])
  t.same([...decodeDhcp(datagram).options.keys()].sort(), [17, 224, 53])
})

t.test('the kernel’s ip= argument is made of the same facts', async (t) => {
  t.same(networkFacts(FULL_ROOM, 'pc1'), {
    netmask: addr('255.255.255.0'),
    router: addr('192.168.77.1'),
    dns: [addr('192.168.77.2'), addr('192.168.77.3')],
    ntp: [addr('192.168.77.4')],
    hostname: 'pc1'
  })
})
