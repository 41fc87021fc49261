// From the administrator's words to the wire: what the configuration says of a subnet, and the REST API of groups and hosts.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { systemClock } from '../../server/clock.ts'
import { startDaemon } from '../../server/daemon.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../server/dhcp/packet.ts'
import { createLog } from '../../server/log.ts'
import { temporaryDirectory, testConfig } from '../support/cli.ts'
import { addr, bytes, message, optionsOf } from '../support/dhcp-packets.ts'
import { enterOwnNetwork } from '../support/netns.ts'

await enterOwnNetwork()

const SUBNET = {
  subnet: '127.0.0.0/8',
  pools: [{ from: '127.0.1.1', to: '127.0.1.3' }],
  router: '127.0.0.254',
  dns: ['127.0.0.53'],
  ntp: ['127.0.0.123'],
  domain: 'subnet.example',
  mtu: 1400,
  routes: [{ to: '10.0.0.0/8', via: '127.0.0.253' }],
  leaseSeconds: 600,
  options: { 252: '73' }
}
const OF_SUBNET = {
  3: '7f0000fe',
  6: '7f000035',
  15: Buffer.from('subnet.example').toString('hex'),
  26: '0578',
  42: '7f00007b',
  51: '00000258',
  121: '080a7f0000fd007f0000fe',
  252: '73'
}
const OF_GROUP = {
  3: '7f0000fc',
  6: '7f000001',
  15: Buffer.from('group.example').toString('hex'),
  26: '05dc',
  42: '7f000002',
  51: '00000e10',
  121: '007f0000fc',
  252: '67'
}
const OF_HOST = { 15: Buffer.from('host.example').toString('hex'), 51: '00015180', 252: '68' }

const STRANGER = '52:54:00:00:00:01'
const MEMBER = '52:54:00:00:00:02'
const ONE = '52:54:00:00:00:03'
const CODES = Object.keys(OF_SUBNET).map(Number)

/** A relay agent that is answered where it sends from (RFC 8357). */
async function ask(mac: string, type: 'discover' | 'request', address?: number): Promise<DhcpPacket | undefined> {
  const socket = dgram.createSocket('udp4')
  try {
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const wanted =
      address === undefined ? [] : ([[50, Buffer.from(address.toString(16).padStart(8, '0'), 'hex')]] as const)
    const asked = message(type, [...wanted, [55, bytes(...CODES)], [82, bytes(1, 2, 7, 7, 19, 0)]], {
      chaddr: mac,
      giaddr: addr('127.0.0.1')
    })
    socket.send(encodeDhcp(asked), 67, '127.0.0.1')
    const [datagram] = await once(socket, 'message', { signal: AbortSignal.timeout(2000) })
    return decodeDhcp(datagram)
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return undefined
    throw error
  } finally {
    socket.close()
  }
}

async function given(mac: string): Promise<Record<number, string>> {
  const offer = await ask(mac, 'discover')
  const ack = await ask(mac, 'request', offer?.yiaddr)
  const options = optionsOf(ack?.options ?? new Map())
  return Object.fromEntries(CODES.map((code) => [code, options[code] ?? '']))
}

async function serving(t: Test) {
  const directory = await temporaryDirectory(t)
  const log = new PassThrough()
  const dhcp = { mode: 'authoritative', interfaces: ['lo'], subnets: [SUBNET] }
  const daemon = await startDaemon(testConfig(directory, { dhcp }), {
    clock: systemClock,
    log: createLog({ level: 'info', destination: log })
  })
  t.teardown(() => daemon.close())
  const token = (await readFile(daemon.tokenFile, 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const put = async (method: string, path: string, body: object) => {
    const response = await fetch(`${daemon.adminUrl}/api/v1/${path}`, { method, headers, body: JSON.stringify(body) })
    t.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`)
  }
  const lines = (): string[] =>
    String(log.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => String(JSON.parse(line).msg))
  return { put, lines }
}

t.test('options of subnet, group and host reach the wire, the nearest word last', async (t) => {
  const { put } = await serving(t)
  await put('POST', 'groups', { name: 'lab', boot: 'local', dhcpOptions: OF_GROUP })
  await put('POST', 'hosts', { name: 'member', mac: MEMBER, group: 'lab' })
  await put('POST', 'hosts', { name: 'one', mac: ONE, group: 'lab', dhcpOptions: OF_HOST })
  t.same(await given(STRANGER), OF_SUBNET)
  t.same(await given(MEMBER), OF_GROUP)
  t.same(await given(ONE), { ...OF_GROUP, ...OF_HOST })

  await put('PUT', 'hosts/one', { name: 'one', mac: ONE, group: 'lab', dhcpOptions: { 252: '32' } })
  t.same(await given(ONE), { ...OF_GROUP, 252: '32' }, 'a change holds for the next packet')
  t.same(optionsOf((await ask(ONE, 'discover'))?.options ?? new Map())[82], '010207071300', 'option 82 comes back')
})

t.test('an empty pool is one line in the log, and who comes is not answered', async (t) => {
  const { lines } = await serving(t)
  for (let i = 0; i < 3; i++) await given(`52:54:00:00:01:0${i}`)
  const before = lines()
  t.notMatch(before.join('\n'), /free/)
  for (let i = 3; i < 6; i++) t.equal(await ask(`52:54:00:00:01:0${i}`, 'discover'), undefined)
  t.same(lines(), ['DHCP: no address of 127.0.0.0/8 is free; widen a pool in dhcp.subnets, or shorten leaseSeconds'])
})
