import t from 'tap'
import type { BootAnswer } from '../../../server/boot/answer.ts'
import type { Client } from '../../../server/boot/model.ts'
import { type Arrival, DhcpHandler, type Outcome } from '../../../server/dhcp/handler.ts'
import { type DhcpPacket, decodeDhcp } from '../../../server/dhcp/packet.ts'
import { type DhcpConfig, NO_RESERVATIONS, type Reservations } from '../../../server/dhcp/settings.ts'
import { formatIpv4, type Ipv4 } from '../../../server/net/ipv4.ts'
import {
  addr,
  answering,
  bootAnswer,
  bytes,
  codesInOrder,
  configOf,
  latin1,
  MAC,
  message,
  NO_BOOT,
  net,
  optionsOf,
  quad,
  roomOf
} from '../../support/dhcp-packets.ts'

const NOW = Date.UTC(2026, 0, 1)
const LINK = { name: 'eth0', addresses: [addr('192.168.77.1')] }
const BROADCAST: Arrival = { link: LINK, source: { address: 0, port: 68 }, port: 67 }
const from = (address: string, port: 67 | 4011 = 67): Arrival => ({
  link: LINK,
  source: { address: addr(address), port: port === 67 ? 68 : 4011 },
  port
})

interface Setting {
  readonly config?: Partial<DhcpConfig>
  readonly answer?: BootAnswer
  readonly reservations?: Partial<Reservations>
}

function server({ config, answer = NO_BOOT, reservations }: Setting = {}): DhcpHandler {
  const handler = new DhcpHandler({
    config: configOf(config),
    boot: answering(answer),
    reservations: { ...NO_RESERVATIONS, ...reservations }
  })
  handler.exclude(LINK.addresses)
  return handler
}

/** One line that says all of an outcome. */
function told({ reply, lease, event }: Outcome): string {
  const packet = reply && decodeDhcp(reply.bytes)
  const names = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK']
  const sent = packet
    ? `${names[packet.options.get(53)?.[0] ?? 0]} ${formatIpv4(packet.yiaddr)} to ${formatIpv4(reply.to.address)}:${reply.to.port}`
    : 'silence'
  return [sent, lease && `save ${lease.state} ${formatIpv4(lease.address)}`, event?.kind].filter(Boolean).join(', ')
}

function given(outcome: Outcome): Ipv4 {
  return outcome.reply ? decodeDhcp(outcome.reply.bytes).yiaddr : 0
}

const named = (address: Ipv4): Uint8Array => quad(formatIpv4(address))
const OURS = [54, quad('192.168.77.1')] as const
const ONE_ADDRESS = { from: addr('192.168.77.100'), to: addr('192.168.77.100') }

/** A server that has leased one address to MAC. */
function leased(setting: Setting = {}): { handler: DhcpHandler; address: Ipv4 } {
  const handler = server(setting)
  const address = given(handler.handle(message('discover'), BROADCAST, NOW))
  handler.handle(message('request', [OURS, [50, named(address)]]), BROADCAST, NOW)
  return { handler, address }
}

t.test('DISCOVER, OFFER, REQUEST, ACK: the lease is there to be saved with the ACK, not with the OFFER', async (t) => {
  const handler = server()
  const offer = handler.handle(message('discover'), BROADCAST, NOW)
  const address = given(offer)
  const text = formatIpv4(address)
  t.equal(told(offer), `OFFER ${text} to 255.255.255.255:68, offer`)
  const ack = handler.handle(message('request', [OURS, [50, named(address)]]), BROADCAST, NOW + 10)
  t.equal(told(ack), `ACK ${text} to 255.255.255.255:68, save bound ${text}, ack`)
  t.match(ack.lease, { mac: MAC, expiresAt: NOW + 10 + 3_600_000 })
  t.same(ack.event, {
    kind: 'ack',
    mac: MAC,
    address,
    stage: 'system',
    arch: 'unknown',
    uuid: undefined,
    detail: `${text} leased for 3600 s`,
    lease: { what: 'assigned', until: NOW + 10 + 3_600_000, formerMac: undefined }
  })
})

t.test('what becomes of a lease is told: given, kept, given back, given to another machine', async (t) => {
  const handler = server({ config: { subnets: [roomOf({ pools: [ONE_ADDRESS] })] } })
  const address = ONE_ADDRESS.from
  const asking = (mac: string) => message('request', [[50, named(address)]], { chaddr: mac })
  const change = ({ lease, event }: Outcome) => {
    if (lease) handler.saved(lease)
    return event?.lease
  }
  t.match(change(handler.handle(asking(MAC), BROADCAST, NOW)), { what: 'assigned', until: NOW + 3_600_000 })
  t.match(change(handler.handle(asking(MAC), BROADCAST, NOW + 5)), { what: 'renewed', until: NOW + 5 + 3_600_000 })
  const release = message('release', [OURS], { ciaddr: address })
  t.match(change(handler.handle(release, from(formatIpv4(address)), NOW + 6)), { what: 'released', until: NOW + 6 })
  const other = '52:54:00:99:99:99'
  handler.handle(message('discover', [], { chaddr: other }), BROADCAST, NOW + 7)
  t.match(change(handler.handle(asking(other), BROADCAST, NOW + 8)), { what: 'assigned', formerMac: MAC })
  const decline = message('decline', [OURS, [50, named(address)]], { chaddr: other })
  t.match(change(handler.handle(decline, BROADCAST, NOW + 9)), { what: 'declined', until: NOW + 9 + 600_000 })
})

t.test('a lease that cannot be saved: its holder is told what is left of the one on disk, nobody else', async (t) => {
  const { handler, address } = leased()
  const asking = message('request', [[50, named(address)]])
  const ask = (now: number) => {
    handler.handle(asking, BROADCAST, now)
    return handler.unsaved(asking, BROADCAST, now)
  }
  t.equal(told(ask(NOW)), 'silence', 'a new one')
  const { lease } = handler.handle(asking, BROADCAST, NOW)
  if (lease) handler.saved(lease)
  const answer = ask(NOW + 600_500)
  t.equal(told(answer), `ACK ${formatIpv4(address)} to 255.255.255.255:68, ack`)
  t.equal(answer.event?.lease, undefined, 'no change')
  const left = decodeDhcp(answer.reply?.bytes ?? Buffer.alloc(0)).options.get(51)
  t.same(left, bytes(0, 0, 2999 >> 8, 2999 & 255))
  t.equal(told(ask(NOW + 3_600_000 - 59_999)), 'silence', 'nearly over')
  t.equal(told(handler.unsaved(message('discover'), BROADCAST, NOW + 1)), 'silence')
})

t.test('P9: the OFFER to a Raspberry Pi, as it stands in the bytes', async (t) => {
  const answer = bootAnswer({ bootfile: '', kernelArguments: undefined, rootPath: undefined })
  const asking = message(
    'discover',
    [
      [60, latin1('PXEClient:Arch:00000:UNDI:002001')],
      [93, bytes(0, 0)],
      [97, bytes(0, ...latin1('RPi4'), ...new Uint8Array(12))],
      [55, bytes(1, 3, 43, 60, 66, 67)]
    ],
    { chaddr: 'dc:a6:32:00:00:01' }
  )
  const { reply, event } = server({ answer }).handle(asking, BROADCAST, NOW)
  t.match(event, { kind: 'offer', stage: 'firmware', arch: 'raspberry-pi' })
  const sent = Buffer.from(reply?.bytes ?? [])
  t.equal(sent.readUInt32BE(20), addr('192.168.77.1'), 'siaddr')
  t.ok(
    sent.subarray(108, 236).every((byte) => byte === 0),
    'no file'
  )
  const option = (code: number, value: Uint8Array) => Buffer.concat([bytes(code, value.length), value])
  const menu = [
    bytes(6, 1, 3, 10, 4, 0),
    latin1('PXE'),
    bytes(9, 20, 0, 0, 17),
    latin1('Raspberry Pi Boot'),
    bytes(255)
  ]
  t.ok(sent.includes(option(43, Buffer.concat(menu))), 'the menu')
  t.ok(sent.includes(option(60, latin1('PXEClient'))), 'its class')
  t.ok(sent.includes(option(66, latin1('192.168.77.1'))), 'the server, without a NUL')
  const codes = codesInOrder(sent)
  t.notOk(codes.includes(67), 'no name')
  t.notOk(codes.includes(0), 'no PAD before END')
})

t.test('D6: REQUEST in each of its states', async (t) => {
  const other = '52:54:00:99:99:99'
  const cases: Record<string, { request: (address: Ipv4) => DhcpPacket; arrival?: Arrival; want: string }> = {
    'SELECTING, us': {
      request: (address) => message('request', [OURS, [50, named(address)]]),
      want: 'ACK A to 255.255.255.255:68, save bound A, ack'
    },
    'SELECTING, another server': {
      request: (address) =>
        message('request', [
          [54, quad('192.168.77.3')],
          [50, named(address)]
        ]),
      want: 'silence'
    },
    'INIT-REBOOT, its own address': {
      request: (address) => message('request', [[50, named(address)]]),
      want: 'ACK A to 255.255.255.255:68, save bound A, ack'
    },
    'INIT-REBOOT, somebody else’s address': {
      request: (address) => message('request', [[50, named(address)]], { chaddr: other }),
      want: 'NAK 0.0.0.0 to 255.255.255.255:68, nak'
    },
    'INIT-REBOOT, an address of another network': {
      request: () => message('request', [[50, quad('10.0.0.5')]]),
      want: 'NAK 0.0.0.0 to 255.255.255.255:68, nak'
    },
    'RENEWING, by unicast': {
      request: (address) => message('request', [], { ciaddr: address }),
      arrival: from('192.168.77.100'),
      want: 'ACK A to A:68, save bound A, ack'
    },
    'REBINDING, by broadcast': {
      request: (address) => message('request', [], { ciaddr: address }),
      want: 'ACK A to A:68, save bound A, ack'
    },
    'RENEWING somebody else’s address': {
      request: (address) => message('request', [], { ciaddr: address, chaddr: other }),
      want: 'NAK 0.0.0.0 to 255.255.255.255:68, nak'
    },
    'no address at all': { request: () => message('request'), want: 'silence' }
  }
  for (const [name, { request, arrival = BROADCAST, want }] of Object.entries(cases)) {
    const { handler, address } = leased()
    const outcome = told(handler.handle(request(address), arrival, NOW + 1))
    t.equal(outcome, want.replaceAll(/\bA\b/g, formatIpv4(address)), name)
  }
})

t.test('after all leases were lost, a client’s own address is confirmed when it is free', async (t) => {
  const request = message('request', [], { ciaddr: addr('192.168.77.104') })
  t.equal(
    told(server().handle(request, from('192.168.77.104'), NOW)),
    'ACK 192.168.77.104 to 192.168.77.104:68, save bound 192.168.77.104, ack'
  )
})

t.test('D8: firmware, iPXE and system of one machine get one address', async (t) => {
  const handler = server()
  const stages: DhcpPacket[] = [
    message('discover', [
      [60, latin1('PXEClient:Arch:00007:UNDI:003000')],
      [97, new Uint8Array(17)]
    ]),
    message('discover', [
      [60, latin1('PXEClient:Arch:00007:UNDI:003010')],
      [77, latin1('iPXE')],
      [61, bytes(1, 0x52, 0x54, 0, 0x11, 0x22, 0x33)]
    ]),
    message('discover'),
    message('discover', [[61, bytes(255, 0x11, 0x22, 0x33, 0, 0, 2)]])
  ]
  const addresses = stages.map((packet) => {
    const address = given(handler.handle(packet, BROADCAST, NOW))
    const id = packet.options.get(61)
    handler.handle(message('request', [OURS, [50, named(address)], ...(id ? [[61, id] as const] : [])]), BROADCAST, NOW)
    return address
  })
  t.equal(new Set(addresses).size, 1)
})

t.test('D7: DECLINE and RELEASE are saved and not answered', async (t) => {
  const first = leased()
  const a = formatIpv4(first.address)
  const declined = message('decline', [OURS, [50, named(first.address)]])
  t.equal(told(first.handler.handle(declined, BROADCAST, NOW)), `silence, save declined ${a}, decline`)
  t.not(given(first.handler.handle(message('discover'), BROADCAST, NOW)), first.address, 'it rests')
  const second = leased()
  const released = message('release', [OURS], { ciaddr: second.address })
  t.equal(told(second.handler.handle(released, from(a), NOW)), `silence, save released ${a}, release`)
  t.equal(told(second.handler.handle(released, from(a), NOW)), 'silence')
  const strangers = [
    message('decline', [
      [54, quad('192.168.77.3')],
      [50, named(first.address)]
    ]),
    message('release', [OURS], { ciaddr: second.address, chaddr: '52:54:00:99:99:99' })
  ]
  for (const packet of strangers) t.equal(told(leased().handler.handle(packet, BROADCAST, NOW)), 'silence')
})

t.test('D7: INFORM is answered without an address and without a lease', async (t) => {
  const outcome = server().handle(message('inform', [], { ciaddr: addr('192.168.77.20') }), from('192.168.77.20'), NOW)
  t.equal(told(outcome), 'ACK 0.0.0.0 to 192.168.77.20:68, ack')
  const found = optionsOf(decodeDhcp(outcome.reply?.bytes ?? bytes()).options)
  t.match(found, { 1: 'ffffff00', 3: 'c0a84d01', 54: 'c0a84d01' })
  t.same(
    [51, 58, 59].filter((code) => code in found),
    []
  )
})

t.test('a machine’s own lease time is what it is told, and how long nobody else gets its address', async (t) => {
  const day = new Map([[51, bytes(0, 1, 0x51, 0x80)]])
  const config = { subnets: [roomOf({ pools: [{ from: addr('192.168.77.100'), to: addr('192.168.77.100') }] })] }
  const handler = server({ config, answer: { kind: 'none', dhcpOptions: day } })
  const request = message('request', [OURS, [50, quad('192.168.77.100')]])
  const outcome = handler.handle(request, BROADCAST, NOW)
  t.match(outcome.lease, { expiresAt: NOW + 86_400_000 })
  const found = optionsOf(decodeDhcp(outcome.reply?.bytes ?? bytes()).options)
  t.match(found, { 51: '00015180', 58: '0000a8c0', 59: '00012750' })
  const stranger = message('discover', [], { chaddr: '52:54:00:99:99:99' })
  t.equal(told(handler.handle(stranger, BROADCAST, NOW + 86_399_999)), 'silence, pool-empty')
  t.equal(
    told(handler.handle(stranger, BROADCAST, NOW + 86_400_000)),
    'OFFER 192.168.77.100 to 255.255.255.255:68, offer'
  )
})

t.test('a machine’s own router is the one in the static routes and in the kernel’s ip= as well', async (t) => {
  const asked: unknown[] = []
  const routes = [{ to: net('10.20.0.0/16'), via: addr('192.168.77.9') }]
  const handler = new DhcpHandler({
    config: configOf({ subnets: [roomOf({ routes })] }),
    boot: {
      dhcpOptions: () => new Map([[3, quad('192.168.77.2')]]),
      answer: (_client, _server, network) => {
        asked.push(network?.router)
        return { kind: 'none', dhcpOptions: new Map([[3, quad('192.168.77.2')]]) }
      }
    },
    reservations: NO_RESERVATIONS
  })
  const { reply } = handler.handle(message('discover'), BROADCAST, NOW)
  const found = optionsOf(decodeDhcp(reply?.bytes ?? bytes()).options)
  t.match(found, { 3: 'c0a84d02', 121: '100a14c0a84d0900c0a84d02' })
  t.same(asked, [addr('192.168.77.2')])
})

t.test('who wants more back than an answer holds gets none, and that is told', async (t) => {
  const long = new Uint8Array(400)
  for (const [code, giaddr] of [
    [61, '0.0.0.0'],
    [82, '192.168.77.2']
  ] as const) {
    const { reply, event } = server().handle(
      message('discover', [[code, long]], { giaddr: addr(giaddr) }),
      BROADCAST,
      NOW
    )
    t.match([reply, event], [undefined, { kind: 'dropped', detail: /no room/ }], `option ${code}`)
  }
  const roomy = message('discover', [
    [61, long],
    [57, bytes(5, 200)]
  ])
  t.match(server().handle(roomy, BROADCAST, NOW).event, { kind: 'offer' }, 'where there is room it is sent back')
})

t.test('D9: an empty pool is silence and an event', async (t) => {
  const handler = server({ config: { subnets: [roomOf({ pools: [] })] } })
  const outcome = handler.handle(message('discover'), BROADCAST, NOW)
  t.equal(told(outcome), 'silence, pool-empty')
  t.equal(outcome.event?.detail, 'no address of 192.168.77.0/24 is free')
})

t.test('a reservation is offered, with its host’s name', async (t) => {
  const reserved = addr('192.168.77.20')
  const handler = server({
    reservations: {
      reservation: (mac) => (mac === MAC ? reserved : undefined),
      reservedFor: (address) => (address === reserved ? MAC : undefined),
      hostname: () => 'pc1'
    }
  })
  const offer = handler.handle(message('discover'), BROADCAST, NOW)
  t.equal(given(offer), reserved)
  t.match(optionsOf(decodeDhcp(offer.reply?.bytes ?? bytes()).options), { 12: Buffer.from('pc1').toString('hex') })
})

t.test('relay agents', async (t) => {
  const far = roomOf({
    subnet: net('10.1.0.0/24'),
    pools: [{ from: addr('10.1.0.10'), to: addr('10.1.0.20') }],
    router: addr('10.1.0.1')
  })
  const setting = { config: { subnets: [roomOf(), far] } }
  const relayed = (type: 'discover' | 'request', options: [number, Uint8Array][] = []) =>
    message(type, [...options, [82, bytes(1, 2, 7, 7)]], { giaddr: addr('10.1.0.1'), hops: 1 })
  const handler = server(setting)
  const offer = handler.handle(relayed('discover'), from('10.1.0.1'), NOW)
  const address = given(offer)
  t.ok(address >= addr('10.1.0.10') && address <= addr('10.1.0.20'), 'from the relay’s subnet')
  t.equal(told(offer), `OFFER ${formatIpv4(address)} to 10.1.0.1:67, offer`)
  t.match(optionsOf(decodeDhcp(offer.reply?.bytes ?? bytes()).options), { 54: 'c0a84d01', 82: '01020707' })
  t.equal(
    told(handler.handle(relayed('request', [[50, quad('192.168.77.100')]]), from('10.1.0.1'), NOW)),
    'NAK 0.0.0.0 to 10.1.0.1:67, nak'
  )
  t.equal(
    told(handler.handle(message('discover', [], { giaddr: addr('10.9.9.1') }), from('10.9.9.1'), NOW)),
    'silence',
    'a subnet that is not ours'
  )

  const override = message('discover', [[82, bytes(11, 4, 10, 1, 0, 1)]], { giaddr: addr('10.1.0.1') })
  const overridden = server(setting).handle(override, from('10.1.0.1'), NOW)
  t.match(optionsOf(decodeDhcp(overridden.reply?.bytes ?? bytes()).options), { 54: '0a010001' }, 'RFC 5107')
})

const UEFI = [60, latin1('PXEClient:Arch:00007:UNDI:003000')] as const
const PROXY = { config: { mode: 'proxy', subnets: [] }, answer: bootAnswer() } as const

t.test('proxy mode gives boot options and no address, and only to machines that boot', async (t) => {
  const cases: Record<string, { packet: DhcpPacket; arrival?: Arrival; want: string }> = {
    firmware: { packet: message('discover', [UEFI]), want: 'OFFER 0.0.0.0 to 255.255.255.255:68, proxy-offer' },
    'D12: a running system': { packet: message('discover'), want: 'silence' },
    'firmware that takes the other server’s address': {
      packet: message('request', [UEFI, [54, quad('192.168.77.3')], [50, quad('192.168.77.218')]]),
      want: 'silence'
    },
    'firmware that asks us to confirm': {
      packet: message('request', [UEFI, OURS]),
      want: 'ACK 0.0.0.0 to 255.255.255.255:68, proxy-offer'
    },
    'a system that renews': { packet: message('request', [], { ciaddr: addr('192.168.77.9') }), want: 'silence' },
    'a RELEASE': { packet: message('release', [OURS], { ciaddr: addr('192.168.77.9') }), want: 'silence' },
    'firmware behind a relay': {
      packet: message('discover', [UEFI], { giaddr: addr('10.0.0.1') }),
      want: 'OFFER 0.0.0.0 to 10.0.0.1:67, proxy-offer'
    }
  }
  for (const [name, { packet, arrival = BROADCAST, want }] of Object.entries(cases)) {
    t.equal(told(server(PROXY).handle(packet, arrival, NOW)), want, name)
  }
  const offer = server(PROXY).handle(message('discover', [UEFI]), BROADCAST, NOW)
  const { siaddr, file, options } = decodeDhcp(offer.reply?.bytes ?? bytes())
  t.same([siaddr, file], [addr('192.168.77.1'), 'ipxe/undionly.kpxe'])
  t.same(
    Object.keys(optionsOf(options)),
    ['43', '53', '54', '60', '66', '67'],
    'nothing of the network, nothing of a lease'
  )
})

t.test('an initramfs beside another server asks for the kernel line by INFORM', async (t) => {
  const answer: BootAnswer = { ...NO_BOOT, kernelArguments: 'BOOT=overlay' }
  const inform = message('inform', [[55, bytes(224)]], { ciaddr: addr('192.168.77.218') })
  const outcome = server({ ...PROXY, answer }).handle(inform, from('192.168.77.218'), NOW)
  t.equal(told(outcome), 'ACK 0.0.0.0 to 192.168.77.218:68, ack')
  t.ok(decodeDhcp(outcome.reply?.bytes ?? bytes()).options.has(224))
  t.equal(told(server({ ...PROXY, answer: NO_BOOT }).handle(inform, from('192.168.77.218'), NOW)), 'silence')
})

t.test('P3c: on port 4011 the answer goes to the source port, in every mode', async (t) => {
  const asking = message('request', [UEFI], { ciaddr: addr('192.168.77.218') })
  const arrival = from('192.168.77.218', 4011)
  for (const setting of [PROXY, { answer: bootAnswer() }]) {
    t.equal(told(server(setting).handle(asking, arrival, NOW)), 'ACK 0.0.0.0 to 192.168.77.218:4011, proxy-offer')
  }
  const bis = message('request', [UEFI, [43, bytes(71, 4, 0, 0, 0x80, 0, 255)]])
  t.equal(told(server(PROXY).handle(bis, arrival, NOW)), 'silence', 'P6: boot integrity services')
  t.equal(
    told(server(PROXY).handle(message('discover', [UEFI]), arrival, NOW)),
    'silence',
    'a DISCOVER is not for 4011'
  )
  t.equal(told(server(PROXY).handle(message('request'), arrival, NOW)), 'silence', 'nor is a running system')
})

t.test('the boot decision is asked with the address that the client will have, and what the network is', async (t) => {
  const asked: unknown[] = []
  const handler = new DhcpHandler({
    config: configOf(),
    boot: {
      dhcpOptions: () => new Map(),
      answer: (client: Client, serverAddress, network) => {
        asked.push({ client, serverAddress, network })
        return NO_BOOT
      }
    },
    reservations: NO_RESERVATIONS
  })
  const address = given(handler.handle(message('discover', [UEFI]), BROADCAST, NOW))
  t.same(asked, [
    {
      client: { mac: MAC, address, arch: 'x64-uefi', stage: 'firmware', uuid: undefined },
      serverAddress: addr('192.168.77.1'),
      network: { netmask: addr('255.255.255.0'), router: addr('192.168.77.1'), dns: [], ntp: [], hostname: undefined }
    }
  ])
})

t.test('what is not for a server, or not for this one, is silence', async (t) => {
  const cases: Record<string, { packet: DhcpPacket; setting?: Setting; arrival?: Arrival }> = {
    'a reply': { packet: message('offer', [], { op: 'reply' }) },
    BOOTP: { packet: { ...message('discover'), options: new Map() } },
    'a client without an identity': { packet: message('discover', [], { chaddr: '00:00:00:00:00:00' }) },
    'an unknown message type': { packet: { ...message('discover'), options: new Map([[53, bytes(99)]]) } },
    'a network that is not served': { packet: message('discover'), setting: { config: { subnets: [] } } },
    'an interface without addresses': {
      packet: message('discover'),
      arrival: { ...BROADCAST, link: { name: 'eth0', addresses: [] } }
    },
    'mode off': { packet: message('discover'), setting: { config: { mode: 'off' } } }
  }
  for (const [name, { packet, setting, arrival = BROADCAST }] of Object.entries(cases)) {
    t.equal(told(server(setting).handle(packet, arrival, NOW)), 'silence', name)
  }
})

t.test('after a restart leases stand, and an administrator can revoke one', async (t) => {
  const { handler, address } = leased()
  const ack = handler.handle(message('request', [], { ciaddr: address }), BROADCAST, NOW)
  const again = server()
  again.restore(ack.lease ? [ack.lease] : [], NOW)
  const other = message('request', [[50, named(address)]], { chaddr: '52:54:00:99:99:99' })
  t.equal(told(again.handle(other, BROADCAST, NOW)), 'NAK 0.0.0.0 to 255.255.255.255:68, nak')
  t.match(again.revoke(address, NOW), { state: 'released', address })
  t.equal(again.revoke(address, NOW), undefined)
  t.equal(again.revoke(addr('10.0.0.1'), NOW), undefined)
  t.match(told(again.handle(other, BROADCAST, NOW)), /^ACK/)
})
