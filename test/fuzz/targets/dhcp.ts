// DHCPv4: the codec with all that reads options, and the server's decisions over a run of packets.
import { globSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { factsOf, userClasses } from '../../../server/dhcp/facts.ts'
import { type Arrival, DhcpHandler } from '../../../server/dhcp/handler.ts'
import { readSubOptions } from '../../../server/dhcp/options.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../../server/dhcp/packet.ts'
import { OPTION } from '../../../server/dhcp/registry.ts'
import { type DhcpConfig, NO_RESERVATIONS } from '../../../server/dhcp/settings.ts'
import { MalformedPacket } from '../../../server/wire/cursor.ts'
import { addr, answering, bootAnswer, bytes, configOf, latin1, message, quad } from '../../support/dhcp-packets.ts'
import { readPcap } from '../../support/pcap.ts'
import { hold, type Target, tolerate } from '../engine/target.ts'
import { dhcpOptions, encodeRecords, recordSpans, records } from '../spans.ts'

const CAPTURES = path.join(import.meta.dirname, '../../fixtures/captures')
const WIDE = { maxLengthBytes: 65_535, overload: false }
const LINK = { name: 'eth0', addresses: [addr('192.168.77.1')] }
const NOW = Date.UTC(2026, 0, 1)
const LONGEST_REPLY = 1472

const captured = globSync('*.pcap', { cwd: CAPTURES })
  .sort()
  .flatMap((file) => readPcap(path.join(CAPTURES, file)))
  .filter(({ destination }) => [67, 68, 4011].includes(destination.port))
  .map(({ payload }) => payload)

/** By a relay agent, with a circuit, a link and an address to call us by (RFC 3046, 3527, 5107, 5010, 8357). */
const AGENT = bytes(1, 2, 0, 7, 5, 4, 192, 168, 77, 0, 11, 4, 10, 0, 0, 1, 10, 1, 128, 19, 0)
const relayed = [
  message('discover', [[OPTION.relayAgent, AGENT]], { giaddr: addr('10.0.0.1'), hops: 1 }),
  message(
    'request',
    [
      [OPTION.requestedAddress, quad('192.168.77.100')],
      [OPTION.relayAgent, AGENT]
    ],
    { giaddr: addr('10.0.0.1') }
  ),
  message('inform', [[OPTION.relayAgent, AGENT]], { giaddr: addr('192.168.77.1'), ciaddr: addr('192.168.77.100') })
]
/** What a boot server is asked on port 4011 (PXE 2.1 §2.2.5), its menu's item in option 43. */
const asked = message('request', [
  [OPTION.vendorSpecific, bytes(71, 4, 128, 0, 0, 0, 255)],
  [OPTION.vendorClass, latin1('PXEClient:Arch:00007:UNDI:003016')]
])
const SEEDS = [...captured, ...[...relayed, asked].map((packet) => encodeDhcp(packet, WIDE))]

/** Whatever can be read can be written and read again, but for names that fill their field to the last byte. */
function roundTrip(packet: DhcpPacket): void {
  if (packet.file.length > 127 || packet.sname.length > 63) return
  const again = decodeDhcp(encodeDhcp(packet, WIDE))
  hold(isDeepStrictEqual(comparable(again), comparable(packet)), 'a message differs when it is written and read again')
}

function comparable({ options, ...header }: DhcpPacket): unknown {
  const sorted = [...options].map(([code, value]) => [code, Buffer.from(value).toString('hex')] as const)
  return { ...header, options: sorted.sort(([a], [b]) => a - b) }
}

const codec: Target = {
  name: 'dhcp-packet',
  maxBytes: 1500,
  seeds: () => SEEDS,
  spans: dhcpOptions,
  run(input) {
    const packet = tolerate(() => decodeDhcp(input), MalformedPacket)
    if (!packet) return
    tolerate(() => factsOf(packet), MalformedPacket)
    for (const value of packet.options.values()) {
      readSubOptions(value)
      userClasses(value)
    }
    roundTrip(packet)
  }
}

/** Boot options as long as they get, so that replies have to leave something out. */
const ANSWER = bootAnswer({
  kernelArguments: `BOOT=overlay ${'x'.repeat(400)}`,
  pxelinux: { configFile: 'pxelinux.cfg/default', pathPrefix: 'http://192.168.77.1/', rebootTimeSeconds: 60 }
})

function serverIn(mode: DhcpConfig['mode']): DhcpHandler {
  return new DhcpHandler({ config: configOf({ mode }), boot: answering(ANSWER), reservations: NO_RESERVATIONS })
}

/** Bit 0: by which port; bit 1: from an address or none; the rest: seconds since the packet before. */
function arrivalOf(kind: number): Arrival {
  const source = { address: kind & 2 ? addr('192.168.77.100') : 0, port: kind & 1 ? 4011 : 68 }
  return { link: LINK, source, port: kind & 1 ? 4011 : 67 }
}

const handler: Target = {
  name: 'dhcp-handler',
  maxBytes: 4096,
  seeds: () => [0, 1].map((mode) => Buffer.concat([Buffer.of(mode), conversation()])),
  spans: (input) => recordSpans(input.subarray(1)).map(({ start, end }) => ({ start: start + 1, end: end + 1 })),
  run(input) {
    const server = serverIn(input[0] === 1 ? 'proxy' : 'authoritative')
    let now = NOW
    for (const { kind, bytes } of records(input.subarray(1))) {
      now += (kind >> 2) * 60_000
      answer(server, bytes, arrivalOf(kind), now)
    }
  }
}

function answer(server: DhcpHandler, datagram: Buffer, arrival: Arrival, now: number): void {
  const packet = tolerate(() => decodeDhcp(datagram), MalformedPacket)
  const outcome = packet && tolerate(() => server.handle(packet, arrival, now), MalformedPacket)
  if (!outcome) return
  const { lease, reply } = outcome
  if (lease) hold(lease.address !== LINK.addresses[0], 'our own address was leased')
  if (!reply) return
  hold(reply.bytes.length >= 300 && reply.bytes.length <= LONGEST_REPLY, `a reply has ${reply.bytes.length} bytes`)
  const read = decodeDhcp(reply.bytes)
  hold(read.op === 'reply' && read.xid === packet.xid && read.chaddr === packet.chaddr, 'a reply to somebody else')
  const [theirs, ours] = [packet, read].map(({ options }) => options.get(OPTION.relayAgent))
  hold(
    packet.giaddr === 0 || !theirs || isDeepStrictEqual(Buffer.from(theirs), ours && Buffer.from(ours)),
    'option 82 comes back changed'
  )
  hold(reply.to.port > 0, 'a reply to port 0')
}

function conversation(): Buffer {
  return encodeRecords(SEEDS.map((bytes, i) => ({ kind: i % 3, bytes })))
}

export const targets: readonly Target[] = [codec, handler]
