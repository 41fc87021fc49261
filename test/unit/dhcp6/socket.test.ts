import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { decodeDhcp6 } from '../../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../../server/dhcp6/registry.ts'
import type { NetworkInterface } from '../../../server/net/interfaces.ts'
import type { OnLink, RouterAdvertiser } from '../../../server/net/router-advertisement.ts'
import { closed } from '../../../server/net/udp.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { MemoryLeaseStore6 } from '../../fakes/lease-store6.ts'
import {
  answering,
  bytesOf,
  CLIENT_ID_OPTION,
  configOf,
  message,
  option,
  relayed,
  SERVER_ID_OPTION,
  uefi,
  WISH
} from '../../support/dhcp6-messages.ts'
import { dhcp6Server } from '../../support/dhcp6-server.ts'
import { enterOwnNetwork, eventually } from '../../support/netns.ts'
import { recordingLog } from '../../support/recording-log.ts'

await enterOwnNetwork()

/** Loopback has no groups of its own: everything here is sent to it directly. */
const CARD: NetworkInterface = {
  name: 'lo',
  index: 1,
  mtu: 65536,
  up: true,
  loopback: true,
  ipv4: [],
  ipv6: ['::1', 'fd00:77::1']
}
const PORTS = { server: 5470, bootServer: 40110, client: 5460 }
const REQUEST = [CLIENT_ID_OPTION, SERVER_ID_OPTION, WISH, ...uefi('PXEClient')]

class Client {
  readonly #socket = dgram.createSocket('udp6')
  readonly #got: Buffer[] = []

  static async at(port: number): Promise<Client> {
    const client = new Client()
    client.#socket.on('message', (datagram) => client.#got.push(datagram))
    client.#socket.bind(port, '::1')
    await once(client.#socket, 'listening')
    return client
  }

  send(bytes: Buffer, port = PORTS.server): void {
    this.#socket.send(bytes, port, '::1')
  }

  next(): Promise<Buffer> {
    return eventually('a reply', () => this.#got.shift())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closed(this.#socket)
  }
}

function serverOn(options: Parameters<typeof dhcp6Server>[0] = {}) {
  const config = configOf({ interfaces: ['lo'] })
  return dhcp6Server({ config, ports: PORTS, interfaces: () => [CARD], ...options })
}

t.test('a client is answered on its own port, a relay agent on the port that it asked from', async (t) => {
  await using running = await serverOn()
  await using client = await Client.at(PORTS.client)
  await using relay = await Client.at(5471)
  client.send(bytesOf(message('solicit', [CLIENT_ID_OPTION, WISH])))
  t.equal(decodeDhcp6(await client.next()).message.type, MESSAGE.advertise)
  const inner = bytesOf(message('solicit', [CLIENT_ID_OPTION, WISH]))
  relay.send(relayed(inner, 'fd00:77::2', 'fe80::1', [option(OPTION.interfaceId, '07')]))
  t.equal(decodeDhcp6(await relay.next()).relays.length, 1)
  t.match(running.server.counts(), { received: 2, sent: 2, failed: 0, malformed: 0 })
  t.match(running.server.messages(), { solicit: 2, 'relay-forward': 0, other: 0 })
})

t.test('port 4011 is there in stateless mode alone', async (t) => {
  const config = configOf({ interfaces: ['lo'], mode: 'stateless', subnets: [] })
  await using _running = await serverOn({ config, boot: answering('tftp://[fd00:77::1]/x') })
  await using client = await Client.at(40111)
  client.send(bytesOf(message('request', REQUEST)), PORTS.bootServer)
  t.equal(decodeDhcp6(await client.next()).message.type, MESSAGE.reply)
})

t.test('no REPLY leaves before its lease is on disk, nor when it can not be', async (t) => {
  const leases = new MemoryLeaseStore6()
  const { log, lines } = recordingLog()
  const seconds: number[] = []
  await using running = await serverOn({ leases, log, onAnswered: (took) => seconds.push(took) })
  await using client = await Client.at(PORTS.client)
  leases.refuses = true
  for (let i = 0; i < 3; i += 1) client.send(bytesOf(message('request', REQUEST)))
  await eventually('refusals', () => (running.server.counts().unsaved === 3 ? true : undefined))
  t.match(lines, [{ msg: 'an IPv6 lease was not saved, so no REPLY was sent' }], 'one line for all of them')
  t.equal(lines.length, 1)
  t.same(running.events, [])
  t.same(seconds, [])
  leases.refuses = false
  client.send(bytesOf(message('request', REQUEST)))
  t.equal(decodeDhcp6(await client.next()).message.type, MESSAGE.reply)
  t.equal(leases.byAddress.size, 1)
  t.match(running.events, [{ kind: 'ack' }])
  t.equal(seconds.length, 1)
  t.match(running.server.usage(), [{ subnet: { network: 'fd00:77::' }, bound: 1 }])
})

t.test('what is malformed is counted and dropped, and told in one line', async (t) => {
  const { log, lines } = recordingLog()
  const clock = new FakeClock()
  await using running = await serverOn({ log, clock })
  await using client = await Client.at(PORTS.client)
  for (const hex of ['', '01', '0c00', '01abcdef0001ffff', '01abcdef000100']) client.send(Buffer.from(hex, 'hex'))
  await eventually('drops', () => (running.server.counts().malformed === 5 ? true : undefined))
  t.match(running.server.counts(), { sent: 0, failed: 0 })
  t.same(lines, [])
  clock.advance(10_000)
  t.match(lines, [{ msg: 'DHCPv6: dropped in 10 s: 5 malformed, most of them from ::1' }])
})

t.test('a flood of invented machines costs one line, and no honest machine its answer', async (t) => {
  const { log, lines } = recordingLog()
  const clock = new FakeClock()
  const limits = { strangersPerSecond: 40, strangersPerSecondPerLink: 40, packetsPerSecondPerMachine: 20 }
  const leases = new MemoryLeaseStore6()
  const isKnownHost = (identity: string) => identity === '52:54:00:00:00:0d'
  const config = configOf({ interfaces: ['lo'], limits })
  await using running = await serverOn({ config, leases, isKnownHost, log, clock })
  await using holder = await Client.at(PORTS.client)
  const request = (duid: string) => bytesOf(message('request', [option(OPTION.clientId, duid), SERVER_ID_OPTION, WISH]))
  const holding = '0003000152540000000c'
  holder.send(request(holding))
  const first = await holder.next()
  await using flooder = await Client.at(5461)
  for (let i = 1; i <= 3000; i += 1) {
    flooder.send(request(`0004${i.toString(16).padStart(32, '0')}`))
    if (i % 100 > 0) continue
    await eventually('the flood', () => running.server.counts().received === i + 1 || undefined)
  }
  t.match(running.server.counts(), { received: 3001, limited: 3000 - 399, overloaded: 0, failed: 0 })
  t.match(running.server.usage(), [{ bound: 400 }])
  for (let i = 0; i < 399; i += 1) await holder.next() // the answers to the flood, at the port of clients
  holder.send(request(holding))
  t.same(await holder.next(), first, 'who holds a lease')
  holder.send(request('0003000152540000000d'))
  await holder.next()
  t.match(running.events.at(-1), { kind: 'ack', mac: '52:54:00:00:00:0d' }, 'a known host')
  clock.advance(10_000)
  t.match(lines, [{ msg: 'DHCPv6: dropped in 10 s: 2601 strangers-of-link, most of them from lo' }])
})

t.test('its port in use is a sentence', async (t) => {
  await using _running = await serverOn()
  await t.rejects(serverOn(), { code: 'PORT_TAKEN', message: /547/ })
})

t.test('links are told what is on them, again and again, and each by its own prefix', async (t) => {
  const clock = new FakeClock()
  const told: [string, OnLink][] = []
  const routerAdvertiser: RouterAdvertiser = {
    dismiss: () => false,
    announce: (device, link) => told.push([device, link]) > 0,
    close: () => undefined
  }
  const lan = { ...CARD, name: 'lan', index: 7, loopback: false }
  const other = { ...lan, name: 'other', index: 8, ipv6: ['fd00:99::1'] }
  const config = configOf()
  const link: OnLink = { prefix: { network: 'fd00:77::', prefix: 64 }, lifetimeSeconds: 3600 }
  {
    await using _running = await serverOn({ clock, config, routerAdvertiser, interfaces: () => [CARD, lan, other] })
    t.same(told, [['lan', link]])
    clock.advance(10_000)
    t.equal(told.length, 2)
  }
  told.length = 0
  await using _quiet = await serverOn({ config: configOf({ routerAdvertisements: false }), routerAdvertiser })
  t.same(told, [])
})
