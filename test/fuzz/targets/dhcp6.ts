// DHCPv6: the codec with all that reads options, and the server's decisions over a run of messages.
import { globSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { factsOf } from '../../../server/dhcp6/facts.ts'
import type { Arrival6, Dhcp6Handler, Outcome6 } from '../../../server/dhcp6/handler.ts'
import {
  decodeDhcp6,
  encodeMessage,
  encodeRelayReply,
  optionValue,
  type Received6
} from '../../../server/dhcp6/packet.ts'
import { OPTION } from '../../../server/dhcp6/registry.ts'
import { contains6 } from '../../../server/net/ipv6.ts'
import { MalformedPacket } from '../../../server/wire/cursor.ts'
import {
  bytesOf,
  CLIENT_ID_OPTION,
  configOf,
  handlerOf,
  LINK,
  message,
  NOW,
  relayed,
  SERVER_ID_OPTION,
  SOURCE,
  uefi,
  WISH
} from '../../support/dhcp6-messages.ts'
import { readPcap6 } from '../../support/pcap.ts'
import { hold, type Target, tolerate } from '../engine/target.ts'
import { dhcp6Options, encodeRecords, recordSpans, records } from '../spans.ts'

const CAPTURES = path.join(import.meta.dirname, '../../fixtures/captures6')
/** What EDK2 takes, and all that is allowed without fragments on any path (RFC 8200 §5) but for headers and relay agents. */
const GROWTH_BYTES = 8192

const captured = globSync('*.pcap', { cwd: CAPTURES })
  .sort()
  .flatMap((file) => readPcap6(path.join(CAPTURES, file)))
  .filter(({ destination }) => [547, 4011].includes(destination.port))
  .map(({ payload }) => payload)

const REMOTE_ID = { code: OPTION.remoteId, value: Buffer.from('0000013701', 'hex') }
const wish = bytesOf(message('request', [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH, ...uefi('HTTPClient')]))
const throughRelay = relayed(wish, 'fd00:77::2', SOURCE, [REMOTE_ID])
const SEEDS = [...captured, wish, throughRelay, relayed(throughRelay, '::', 'fd00:77::2', [])]

function isEcho({ code }: { readonly code: number }): boolean {
  return code === OPTION.interfaceId || code === OPTION.remoteId
}

/** Options stand in the bytes in one way alone. */
function roundTrip(input: Buffer, { message, relays }: Received6): void {
  const written = encodeMessage(message)
  if (relays.length === 0) hold(written.equals(input), 'a message differs when it is written again')
  const again = decodeDhcp6(encodeRelayReply(relays, written))
  const echoed = relays.map((layer) => ({ ...layer, options: layer.options.filter(isEcho) }))
  hold(isDeepStrictEqual(comparable(again), comparable({ message, relays: echoed })), 'a way back is another one')
}

function comparable(received: Received6): unknown {
  return JSON.parse(JSON.stringify(received))
}

const codec: Target = {
  name: 'dhcp6-packet',
  maxBytes: 1500,
  seeds: () => SEEDS,
  spans: dhcp6Options,
  run(input) {
    const received = tolerate(() => decodeDhcp6(input), MalformedPacket)
    if (!received) return
    tolerate(() => factsOf(received, SOURCE), MalformedPacket)
    roundTrip(input, received)
  }
}

const SUBNET = configOf().subnets[0]?.subnet ?? { network: '::', prefix: 0 }

/** Bit 0: by which port; bit 1: from an address of the subnet or a link-local one; the rest: minutes since the one before. */
function arrivalOf(kind: number): Arrival6 {
  return { link: LINK, source: kind & 2 ? 'fd00:77::99' : SOURCE, port: kind & 1 ? 4011 : 547 }
}

const handler: Target = {
  name: 'dhcp6-handler',
  maxBytes: 4096,
  seeds: () => [0, 1].map((mode) => Buffer.concat([Buffer.of(mode), conversation()])),
  spans: (input) => recordSpans(input.subarray(1)).map(({ start, end }) => ({ start: start + 1, end: end + 1 })),
  run(input) {
    const mode = input[0] === 1 ? 'stateless' : 'authoritative'
    const server = handlerOf({ mode }, 'tftp://[fd00:77::1]/shimx64.efi').handler
    let now = NOW
    for (const { kind, bytes } of records(input.subarray(1))) {
      now += (kind >> 2) * 60_000
      answer(server, bytes, arrivalOf(kind), now)
    }
  }
}

function answer(server: Dhcp6Handler, datagram: Buffer, arrival: Arrival6, now: number): void {
  const received = tolerate(() => decodeDhcp6(datagram), MalformedPacket)
  const outcome = received && tolerate(() => server.handle(received, arrival, now), MalformedPacket)
  if (outcome) judge(received, outcome, datagram.length)
}

function judge({ message, relays }: Received6, { leases, reply }: Outcome6, askedBytes: number): void {
  for (const { address } of leases) {
    hold(
      contains6(SUBNET, address) && !LINK.addresses.includes(address),
      'an address was leased that is not for clients'
    )
  }
  if (!reply) return
  hold(reply.length <= askedBytes + GROWTH_BYTES, `${reply.length} bytes answer ${askedBytes}`)
  const read = decodeDhcp6(reply)
  hold(read.relays.length === relays.length, 'a reply on another way')
  hold(read.message.transactionId === message.transactionId, 'a reply to another message')
  const [asked, told] = [message, read.message].map(({ options }) => optionValue(options, OPTION.clientId))
  hold(isDeepStrictEqual(asked && Buffer.from(asked), told && Buffer.from(told)), 'a reply to somebody else')
}

function conversation(): Buffer {
  return encodeRecords(SEEDS.map((bytes, i) => ({ kind: i % 3, bytes })))
}

export const targets: readonly Target[] = [codec, handler]
