// The whole TFTP server on no network: several clients at once, and a clock that goes when the input says so.
import { pino } from 'pino'
import type { Resource } from '../../../server/boot/model.ts'
import type { Peer } from '../../../server/net/udp.ts'
import { decodeTftp, encodeAck, encodeError, encodeRequest } from '../../../server/tftp/packet.ts'
import { startTftpServer, type TftpServer } from '../../../server/tftp/server.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeUdp } from '../../fakes/udp.ts'
import { text } from '../../support/tftp-server.ts'
import { hold, type Target } from '../engine/target.ts'
import { encodeRecords, type Record, recordSpans, records } from '../spans.ts'

const HOUR_MS = 3_600_000
const MAX_WINDOWSIZE = 64
const TRANSFERS = 3
/** What a record is: a datagram by one of two ports, an answer to what the client was sent last, an ICMP error, or time. */
const KINDS = { listener: 0, channel: 1, answer: 2, refused: 3, time: 4 } as const

/** Two from one address; the last one is nobody. */
const PEERS: readonly Peer[] = [
  { address: '192.168.77.50', port: 2000 },
  { address: '192.168.77.50', port: 2001 },
  { address: '192.168.77.51', port: 2000 },
  { address: '192.168.77.52', port: 0 }
]

const RESOURCES: ReadonlyMap<string, Resource> = new Map([
  ['empty', text('')],
  ['boot', text('#!ipxe\nboot\n'.repeat(100))],
  ['root', text('rootcast'.repeat(10_000))]
])

interface World {
  readonly server: TftpServer
  readonly udp: FakeUdp
  readonly clock: FakeClock
  /** By peer: the block that its client would acknowledge now. */
  readonly heard: Map<Peer, number>
}

/** Bit 0: all on one port; bit 1: every client is one that breaks on a doubled block. */
async function worldOf(settings: number): Promise<World> {
  const udp = new FakeUdp()
  const clock = new FakeClock()
  const server = await startTftpServer({
    addresses: ['192.168.77.1'],
    port: 69,
    udp,
    transferPorts: settings & 1 ? 'same' : 'any',
    interfaces: { current: [], onChange: () => () => undefined },
    resolve: async ({ name }) => {
      if (name === 'broken') throw new Error('no database')
      return RESOURCES.get(name)
    },
    report: () => undefined,
    clock,
    log: pino({ level: 'silent' }),
    limits: { maxTransfers: TRANSFERS, maxTransfersPerSource: 2, maxWindowsize: MAX_WINDOWSIZE },
    isFragile: () => (settings & 2) !== 0
  })
  return { server, udp, clock, heard: new Map() }
}

/** Bits 0 and 1 of a record's kind: who; the rest: what. */
function happen(world: World, { kind, bytes }: Record): void {
  const { udp, clock, heard } = world
  const peer = PEERS[kind & 3] ?? { address: '::1', port: 1 }
  switch ((kind >> 2) % 5) {
    case KINDS.listener:
      udp.toListener(bytes, peer)
      break
    case KINDS.channel:
      udp.toChannel(bytes, peer)
      break
    case KINDS.answer:
      udp.toChannel(encodeAck(heard.get(peer) ?? 0), peer)
      break
    case KINDS.refused:
      udp.refuse(peer)
      break
    case KINDS.time:
      clock.advance(bytes.length >= 2 ? bytes.readUInt16BE(0) : 1)
      break
  }
}

/** What left is what it should be; nobody but the clients hears anything. */
function judge({ udp, heard, server }: World, isTime: boolean): void {
  const sent = udp.sent.splice(0)
  if (!isTime) hold(sent.length <= MAX_WINDOWSIZE + 1, `${sent.length} datagrams answer one`)
  for (const { bytes, to } of sent) {
    const peer = PEERS.find((one) => one.address === to.address && one.port === to.port)
    hold(peer !== undefined && to.port !== 0, `a datagram for ${to.address}:${to.port}`)
    const packet = decodeTftp(bytes)
    hold(packet.kind === 'data' || packet.kind === 'oack' || packet.kind === 'error', `the server sends ${packet.kind}`)
    if (packet.kind !== 'error') heard.set(peer, packet.kind === 'data' ? packet.block : 0)
  }
  hold(server.counters.drops.internal === 0, 'an error was caught where none should be')
  hold(server.counters.transfersInFlight <= TRANSFERS, 'more transfers than there may be')
  hold(udp.openChannels <= TRANSFERS, 'more channels than transfers')
}

/** A transfer begins, and reads, behind the back of a datagram. */
async function settled(): Promise<void> {
  await new Promise(setImmediate)
}

const server: Target = {
  name: 'tftp-server',
  maxBytes: 2048,
  seeds: () => [0, 1, 2].map((settings) => Buffer.concat([Buffer.of(settings), conversation()])),
  spans: (input) => recordSpans(input.subarray(1)).map(({ start, end }) => ({ start: start + 1, end: end + 1 })),
  baseWork: 4_000_000, // an hour of timers
  async run(input) {
    const world = await worldOf(input[0] ?? 0)
    for (const record of records(input.subarray(1))) {
      happen(world, record)
      await settled()
      judge(world, (record.kind >> 2) % 5 === KINDS.time)
    }
    world.clock.advance(HOUR_MS)
    await settled()
    judge(world, true)
    const { server, udp, clock } = world
    hold(server.counters.transfersInFlight === 0 && udp.openChannels === 0, 'a transfer is left behind')
    hold(server.openFiles === 0, 'a file is left open')
    hold(clock.timersLeft === 0, 'a timer is left behind')
    await server.close()
  }
}

function conversation(): Buffer {
  const read = (name: string, options: Readonly<globalThis.Record<string, string>>, mode = 'octet') =>
    encodeRequest({ operation: 'read', name, mode, options: new Map(Object.entries(options)) })
  const by = (peer: number, what: keyof typeof KINDS, bytes: Uint8Array = Buffer.alloc(0)) => ({
    kind: KINDS[what] * 4 + peer,
    bytes
  })
  const answers = (peer: number, count: number) => Array.from({ length: count }, () => by(peer, 'answer'))
  return encodeRecords([
    by(0, 'listener', read('boot', { tsize: '0', blksize: '512' })),
    by(1, 'listener', read('root', { blksize: '1428', windowsize: '16', timeout: '1' })),
    by(2, 'listener', read('boot', {}, 'netascii')),
    ...answers(0, 5),
    by(1, 'answer'),
    by(1, 'time', Buffer.of(8, 0)),
    ...answers(1, 4),
    by(2, 'listener', read('boot', {}, 'netascii')),
    ...answers(2, 4),
    by(0, 'listener', read('empty', { tsize: '0' })),
    by(0, 'channel', encodeError(8, 'aborted')),
    by(2, 'channel', encodeAck(3)),
    by(1, 'refused'),
    by(3, 'listener', read('broken', {})),
    by(2, 'listener', read('broken', {})),
    by(0, 'listener', read('none', {}))
  ])
}

export const targets: readonly Target[] = [server]
