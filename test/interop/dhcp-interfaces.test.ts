// Several network cards in one daemon, each with its own subnet; cards that go away and come back; sockets from systemd.

import { spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { encodeDhcp } from '../../server/dhcp/packet.ts'
import { loadDeviceSockets } from '../../server/net/device-socket.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { addr, configOf, message, net, readable, roomOf } from '../support/dhcp-packets.ts'
import { dhcpServer } from '../support/dhcp-server.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'
import { recordingLog } from '../support/recording-log.ts'

await enterOwnNetwork()

const MAIN = path.join(import.meta.dirname, '../../server/main.js')
const UDHCPC = ['busybox', 'udhcpc', '-f', '-i', 'eth0', '-n', '-q', '-t', '5', '-T', '1', '-s', '/bin/true'] as const
const DHCLIENT = [
  'dhclient',
  '-4',
  '-v',
  '-1',
  '-lf',
  '/run/none',
  '-pf',
  '/run/pid',
  '-sf',
  '/bin/true',
  'eth0'
] as const

const side = (n: number) =>
  roomOf({
    subnet: net(`10.${n}.0.0/24`),
    pools: [{ from: addr(`10.${n}.0.10`), to: addr(`10.${n}.0.20`) }],
    router: addr(`10.${n}.0.1`)
  })

/** A bridge of ours, 10.n.0.1, with a client behind it. Each test has its own. */
async function room(n: number): Promise<Namespace> {
  const client = await Namespace.create()
  await ip(`link add room${n} type bridge`)
  await client.cable(`port${n}`, 'eth0', `52:54:00:00:00:0${n}`)
  await ip(`link set port${n} master room${n}`)
  await ip(`address add 10.${n}.0.1/24 dev room${n}`)
  await ip(`link set room${n} up`)
  return client
}

async function taken(client: Namespace, command: readonly [string, ...string[]]): Promise<string | undefined> {
  const [program, ...args] = command
  const { stderr } = await client.exec(program, ...args)
  return /(?:lease of|bound to) (\S+)/.exec(stderr)?.[1]
}

t.test('D3: cards go away and come back, and DHCP follows', { timeout: 120_000 }, async (t) => {
  await using left = await room(1)
  await using right = await room(2)
  await ip('address del 10.2.0.1/24 dev room2')
  const { log, lines } = recordingLog()
  const config = configOf({ interfaces: ['room1', 'room2'], subnets: [side(1), side(2), side(3)] })
  await using running = await dhcpServer({ config, log })
  const served = () => running.server.links.map(({ name }) => name).join()
  const until = (state: string) => eventually(`serving ${state}`, () => (served() === state ? true : undefined))
  const told = () => lines.map(({ msg }) => msg)

  t.equal(served(), 'room1', 'the card without an address is waited for')
  await ip('address add 10.2.0.1/24 dev room2')
  await until('room1,room2')
  t.match(await taken(left, UDHCPC), /^10\.1\.0\./)
  t.match(await taken(right, DHCLIENT), /^10\.2\.0\./)

  await ip('link set room2 down')
  await until('room1')
  await ip('link set room2 up')
  await until('room1,room2')
  t.match(await taken(right, UDHCPC), /^10\.2\.0\./)

  await ip('link delete room2')
  await until('room1')
  t.match(await taken(left, DHCLIENT), /^10\.1\.0\./, 'the other room does not notice')
  await ip('link add room2 type bridge')
  await ip('link set port2 master room2')
  await ip('address add 10.3.0.1/24 dev room2')
  await ip('link set room2 up')
  await until('room1,room2')
  t.match(await taken(right, UDHCPC), /^10\.3\.0\./, 'another card under its name, with another subnet')

  t.same(told(), [
    'DHCP waits for room2: it has no IPv4 address',
    'DHCP answers on room2 now, from 10.2.0.1',
    'DHCP has left room2: it is down',
    'DHCP answers on room2 now, from 10.2.0.1',
    'DHCP has left room2: there is no such interface (see: ip link)',
    'DHCP answers on room2 now, from 10.3.0.1'
  ])
  t.match(running.server.counts(), { sendFailed: 0, failed: 0 })
})

t.test('D3: a card with two addresses answers from the one that was asked', { timeout: 60_000 }, async (t) => {
  await using client = await room(4)
  await ip('address add 10.5.0.1/24 dev room4')
  await using running = await dhcpServer({ config: configOf({ interfaces: ['room4'], subnets: [side(4), side(5)] }) })
  t.equal(running.server.links[0]?.addresses.length, 2)
  const native = await loadDeviceSockets(systemClock)
  for (const n of [4, 5]) {
    const address = addr(`10.${n}.0.15`)
    await client.exec('ip', 'address', 'add', `${formatIpv4(address)}/24`, 'dev', 'eth0')
    const fd = client.within(() => native?.open({ device: 'eth0', address, port: 68, receiveBufferBytes: 100_000 }))
    const socket = dgram.createSocket('udp4').bind({ fd })
    const answer = once(socket, 'message')
    socket.send(encodeDhcp(message('request', [], { ciaddr: address })), 67, `10.${n}.0.1`)
    const [datagram, source] = await answer
    t.same([source.address, source.port], [`10.${n}.0.1`, 67])
    t.match(readable(datagram), { yiaddr: formatIpv4(address), options: { 53: '05', 54: `0a0${n}0001` } })
    socket.close()
  }
})

t.test('sockets from systemd: the daemon serves two cards without native sockets', { timeout: 60_000 }, async (t) => {
  await using left = await room(6)
  await using right = await room(7)
  const native = await loadDeviceSockets(systemClock)
  if (!native) throw new Error('no native code')
  const directory = await temporaryDirectory(t)
  const config = path.join(directory, 'rootcast.yaml')
  const subnets = [6, 7].map((n) => `{ subnet: 10.${n}.0.0/24, pools: [{ from: 10.${n}.0.10, to: 10.${n}.0.20 }] }`)
  await writeFile(
    config,
    `stateDir: state
images: { store: store }
dhcp: { mode: authoritative, interfaces: [room6, room7], subnets: [${subnets.join(', ')}] }
tftp: { enabled: false }
http: { boot: { port: 0 }, admin: { port: 0 } }
`
  )
  // What config/rootcast-dhcp-eth1.socket asks for, once for each card.
  const sockets = ['room6', 'room7'].flatMap((device) => [67, 4011].map((port) => ({ device, port })))
  const descriptors = sockets.map((socket) => native.open({ ...socket, address: 0, receiveBufferBytes: 100_000 }))
  const script = `exec env LISTEN_PID=$$ "${process.execPath}" "${MAIN}" serve --config "${config}"`
  // CAP_NET_BIND_SERVICE stays behind: only what was handed over can be served.
  const child = spawn('setpriv', ['--bounding-set=-all', '--inh-caps=-all', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit', ...descriptors],
    env: {
      ...process.env,
      LISTEN_FDS: String(sockets.length),
      LISTEN_FDNAMES: sockets.map(({ device }) => device).join(':')
    }
  })
  let output = ''
  child.stdout?.on('data', (text) => {
    output += text
  })
  await eventually('the daemon', () => (/"interfaces":\["room6","room7"\]/.test(output) ? true : undefined))
  t.match(await taken(left, UDHCPC), /^10\.6\.0\./)
  t.match(await taken(right, DHCLIENT), /^10\.7\.0\./)
  child.kill('SIGTERM')
  t.same(await once(child, 'close'), [0, null])
})
