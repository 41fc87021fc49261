import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../../server/dhcp/packet.ts'
import { DHCP_DEFAULTS, NO_RESERVATIONS } from '../../../server/dhcp/settings.ts'
import { loadDeviceSockets } from '../../../server/net/device-socket.ts'
import { formatIpv4 } from '../../../server/net/ipv4.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { BrokenLeaseStore, HangingLeaseStore, MemoryLeaseStore } from '../../fakes/lease-store.ts'
import { addr, bytes, configOf, message, net, type OptionList, roomOf } from '../../support/dhcp-packets.ts'
import { dhcpServer, type TestServerOptions } from '../../support/dhcp-server.ts'
import { eventually } from '../../support/netns.ts'
import { recordingLog } from '../../support/recording-log.ts'

const LOOPBACK = configOf({
  interfaces: ['lo'],
  subnets: [
    roomOf({
      subnet: net('127.0.0.0/8'),
      pools: [{ from: addr('127.0.1.1'), to: addr('127.0.1.50') }],
      router: undefined
    })
  ]
})

async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** A relay agent that is answered at the port it sends from (RFC 8357), so that nothing needs port 67. */
class Relay implements Disposable {
  readonly replies: DhcpPacket[] = []
  readonly #socket: dgram.Socket
  readonly #port: number

  constructor(socket: dgram.Socket, port: number) {
    this.#socket = socket
    this.#port = port
    socket.on('message', (datagram) => this.replies.push(decodeDhcp(datagram)))
  }

  static async open(port: number): Promise<Relay> {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Relay(socket, port)
  }

  send(type: 'discover' | 'request', mac: string, options: OptionList = []): void {
    const header = { chaddr: mac, giaddr: addr('127.0.0.1') }
    this.sendBytes(encodeDhcp(message(type, [...options, [82, bytes(19, 0)]], header)))
  }

  sendBytes(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#port, '127.0.0.1')
  }

  /** The replies once there are so many of them, or after `ms`. */
  async heard(count: number, ms = 3000): Promise<readonly DhcpPacket[]> {
    const end = performance.now() + ms
    while (this.replies.length < count && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5))
    return this.replies
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

async function serving(options: TestServerOptions = {}) {
  const ports = { server: await freePort(), bootServer: await freePort() }
  const running = await dhcpServer({ config: LOOPBACK, ports, ...options })
  return { ...running, relay: await Relay.open(ports.server) }
}

const mac = (i: number) => `52:54:00:00:00:${i.toString(16).padStart(2, '0')}`
const want = (address: string): OptionList => [[50, bytes(...address.split('.').map(Number))]]
const types = (replies: readonly DhcpPacket[]) => replies.map(({ options }) => options.get(53)?.[0])

t.test('a client is offered an address and gets it, with and without native code', async (t) => {
  for (const deviceSockets of [undefined, 'none'] as const) {
    const store = new MemoryLeaseStore()
    const { server, relay, events } = await serving({ deviceSockets, leases: store })
    relay.send('discover', mac(1), want('127.0.1.7'))
    await relay.heard(1)
    relay.send('request', mac(1), want('127.0.1.7'))
    const replies = await relay.heard(2)
    t.same(types(replies), [2, 5])
    t.match(store.byAddress.get(addr('127.0.1.7')), { mac: mac(1), state: 'bound' })
    t.same(
      events.map(({ kind }) => kind),
      ['offer', 'ack']
    )
    t.match(server.counts(), { received: 2, sent: 2, failed: 0 })
    relay[Symbol.dispose]()
    await server.close()
  }
})

t.test('an ACK leaves only when its lease is on disk', async (t) => {
  t.test('a disk that never answers', async (t) => {
    const { server, relay } = await serving({ leases: new HangingLeaseStore() })
    relay.send('request', mac(1), want('127.0.1.7'))
    relay.send('discover', mac(2))
    t.same(types(await relay.heard(2, 300)), [2], 'offers go on, but there is no ACK')
    relay[Symbol.dispose]()
    await server.close()
    t.match(server.counts(), { received: 2, sent: 1 })
  })
  t.test('a disk that refuses', async (t) => {
    const { server, relay, events } = await serving({ leases: new BrokenLeaseStore() })
    relay.send('request', mac(1), want('127.0.1.7'))
    t.same(types(await relay.heard(1, 300)), [])
    t.same([server.counts().unsaved, events, server.savesLeases], [1, [], false])
    relay[Symbol.dispose]()
    await server.close()
  })
  t.test('a disk that is full later: who has a lease on it is told what is left, and it is no loss', async (t) => {
    class Filling extends MemoryLeaseStore {
      isFull = false
      override async save(leases: Parameters<MemoryLeaseStore['save']>[0]): Promise<void> {
        if (this.isFull) throw new Error('database or disk is full')
        await super.save(leases)
      }
    }
    const leases = new Filling()
    const { server, relay } = await serving({ leases })
    relay.send('request', mac(1), want('127.0.1.7'))
    t.same(types(await relay.heard(1)), [5])
    leases.isFull = true
    relay.send('request', mac(2), want('127.0.1.8'))
    relay.send('request', mac(1), want('127.0.1.7'))
    t.same(types(await relay.heard(2, 300)), [5, 5])
    t.same([server.counts().unsaved, server.savesLeases], [1, false])
    leases.isFull = false
    relay.send('request', mac(2), want('127.0.1.8'))
    t.same(types(await relay.heard(3)), [5, 5, 5])
    t.ok(server.savesLeases)
    relay[Symbol.dispose]()
    await server.close()
  })
  t.test('the moment of the commit', async (t) => {
    const order: string[] = []
    class Slow extends MemoryLeaseStore {
      override async save(leases: Parameters<MemoryLeaseStore['save']>[0]): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 50))
        await super.save(leases)
        order.push('saved')
      }
    }
    const { server, relay } = await serving({ leases: new Slow(), onEvent: ({ kind }) => order.push(kind) })
    relay.send('request', mac(1), want('127.0.1.7'))
    await relay.heard(1)
    t.same(order, ['saved', 'ack'])
    relay[Symbol.dispose]()
    await server.close()
  })
})

t.test('ACKs that are asked for at once share commits', async (t) => {
  const store = new MemoryLeaseStore()
  const { server, relay } = await serving({ leases: store })
  for (let i = 1; i <= 50; i += 1) relay.send('request', mac(i), want(`127.0.1.${i}`))
  const replies = await relay.heard(50)
  t.equal(new Set(replies.map(({ yiaddr }) => yiaddr)).size, 50)
  t.ok(store.saves < 25, `${store.saves} commits`)
  relay[Symbol.dispose]()
  await server.close()
})

t.test('when too many ACKs wait, requests are dropped and counted, and offers go on', async (t) => {
  const config = { ...LOOPBACK, maxWaitingAcks: 2 }
  const { server, relay, events } = await serving({ config, leases: new HangingLeaseStore() })
  for (let i = 1; i <= 5; i += 1) relay.send('request', mac(i), want(`127.0.1.${i}`))
  relay.send('discover', mac(9))
  t.same(types(await relay.heard(1)), [2])
  t.equal(server.counts().overloaded, 3)
  t.same(
    events.map(({ kind, detail }) => `${kind}: ${detail}`).slice(0, 3),
    Array(3).fill('dropped: too many ACKs are waiting')
  )
  relay[Symbol.dispose]()
  await server.close()
})

t.test('D9: a starvation attack costs one line, bounded offers, and no honest machine its address', async (t) => {
  const { log, lines } = recordingLog()
  const clock = new FakeClock()
  const limits = { ...DHCP_DEFAULTS.limits, strangersPerSecond: 40, strangersPerSecondPerLink: 40, offersPerSubnet: 20 }
  const config = { ...LOOPBACK, limits }
  const hostname = (identity: string) => (identity === mac(1) ? 'pc1' : undefined)
  const { server, relay } = await serving({ config, log, clock, reservations: { ...NO_RESERVATIONS, hostname } })
  relay.send('discover', mac(2))
  await relay.heard(1)
  relay.send('request', mac(2), want(formatIpv4(relay.replies[0]?.yiaddr ?? 0)))
  const answers = (count: number) => () => {
    clock.advance(1) // leases are saved after a millisecond
    return told() === count ? true : undefined
  }
  const told = () => relay.replies.filter(({ chaddr }) => chaddr === mac(1) || chaddr === mac(2)).length
  await eventually('a lease', answers(2))
  for (let i = 0; i < 3000; i += 1) {
    relay.send(
      'discover',
      `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
    )
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1)) // as much as the socket holds
  }
  relay.send('discover', mac(1)) // a known host
  relay.send('request', mac(2), want(formatIpv4(relay.replies[0]?.yiaddr ?? 0))) // a lease
  await eventually('the honest ones', answers(4))
  const { received, sent, limited } = server.counts()
  t.equal(received, 3004)
  t.ok(sent < 500, `${sent} answers, not many more than the burst`)
  t.equal(limited, received - sent)
  t.match(server.usage(), [{ offered: 20, bound: 1 }])
  clock.advance(10_000)
  t.same(lines.length, 1)
  t.match(lines[0]?.msg, /^DHCP: dropped in 10 s: \d+ strangers-of-link, most of them from 127\.0\.0\.1$/)
  relay[Symbol.dispose]()
  await server.close()
})

t.test('the clock is set a day forward: leases keep what is left, on disk too, and the log says so', async (t) => {
  const store = new MemoryLeaseStore()
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  const { server, relay } = await serving({ leases: store, clock, log })
  const ask = async (identity: string, count: number) => {
    relay.send('request', identity, want('127.0.1.7'))
    await eventually('an answer', () => {
      clock.advance(1)
      return relay.replies.length === count || undefined
    })
    return types(relay.replies).at(-1)
  }
  t.equal(await ask(mac(1), 1), 5)
  const { expiresAt = 0 } = store.byAddress.get(addr('127.0.1.7')) ?? {}
  for (const day of [86_400_000, -86_400_000]) {
    clock.setWall(day)
    clock.advance(10_000)
  }
  clock.setWall(86_400_000)
  clock.advance(10_000)
  t.equal(store.byAddress.get(addr('127.0.1.7'))?.expiresAt, expiresAt + 86_400_000)
  t.equal(await ask(mac(2), 2), 6, 'nobody else gets it')
  t.same(
    lines.map(({ msg }) => msg),
    ['forward', 'back', 'forward'].map(
      (how) => `DHCP: the clock was set ${how} by 86400 s; leases keep the time that they have left`
    )
  )
  relay[Symbol.dispose]()
  await server.close()
})

t.test('rubbish is counted, and the next client is served', async (t) => {
  const { server, relay } = await serving()
  for (const length of [0, 1, 239, 240, 1472]) relay.sendBytes(new Uint8Array(length).fill(7))
  relay.send('discover', mac(1), [[57, bytes(1)]])
  relay.send('discover', mac(2))
  t.same(types(await relay.heard(1)), [2])
  t.match(server.counts(), { received: 7, malformed: 6, failed: 0 })
  relay[Symbol.dispose]()
  await server.close()
})

t.test('our own mistakes and those of listeners end no server', async (t) => {
  let calls = 0
  const { server, relay } = await serving({
    boot: {
      dhcpOptions: () => new Map(),
      answer: () => {
        calls += 1
        if (calls === 1) throw new Error('a bug')
        return { kind: 'none', dhcpOptions: new Map() }
      }
    },
    onEvent: () => {
      throw new Error('another bug')
    }
  })
  relay.send('discover', mac(1))
  relay.send('discover', mac(1))
  t.same(types(await relay.heard(1)), [2])
  t.match(server.counts(), { failed: 1, sent: 1 })
  relay[Symbol.dispose]()
  await server.close()
})

t.test('a lease that is revoked is saved as released', async (t) => {
  const store = new MemoryLeaseStore()
  const { server, relay } = await serving({ leases: store })
  relay.send('request', mac(1), want('127.0.1.7'))
  await relay.heard(1)
  t.same([await server.revoke(addr('127.0.1.7')), await server.revoke(addr('127.0.1.8'))], [true, false])
  t.match(store.byAddress.get(addr('127.0.1.7')), { state: 'released' })
  relay[Symbol.dispose]()
  await server.close()
})

t.test('a port that is taken is said in words, and nothing stays open', async (t) => {
  const taken = dgram.createSocket('udp4')
  taken.bind(0, '127.0.0.1')
  await once(taken, 'listening')
  const ports = { server: taken.address().port, bootServer: await freePort() }
  for (const deviceSockets of [undefined, 'none'] as const) {
    await t.rejects(dhcpServer({ config: LOOPBACK, ports, deviceSockets }), { code: 'PORT_TAKEN' })
  }
  taken.close()
})

t.test('mode off opens nothing', async (t) => {
  const { server } = await dhcpServer({ config: { ...LOOPBACK, mode: 'off' } })
  t.same(server.links, [])
  await server.close()
})

t.test('native sockets are there on this machine, so that both ways were tried', async (t) => {
  t.ok(await loadDeviceSockets(systemClock))
})
