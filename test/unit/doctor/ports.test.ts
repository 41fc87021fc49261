import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { configFrom } from '../../../server/config.ts'
import { holderOf, judgePort, socketsOn, wantedPorts } from '../../../server/doctor/ports.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000
   2: 00000000:0045 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12347 2 0000
`

t.test('sockets in a table of /proc/net', async (t) => {
  t.strictSame(socketsOn(TABLE, 8080, 'tcp'), ['12345'], 'listeners, not connections')
  t.strictSame(socketsOn(TABLE, 69, 'udp'), ['12347'])
  t.strictSame(socketsOn(TABLE, 70, 'udp'), [])
})

t.test('the ports that a configuration asks for', async (t) => {
  const ports = (value: object) => wantedPorts(configFrom(value)).map(({ protocol, port }) => `${protocol} ${port}`)
  t.strictSame(ports({}), ['udp 67', 'udp 4011', 'udp 69', 'tcp 80', 'tcp 8070'])
  t.strictSame(ports({ dhcp: { mode: 'off' }, tftp: { enabled: false }, http: { boot: { port: 81 } } }), [
    'tcp 81',
    'tcp 8070'
  ])
  const http = { boot: { address: '::' } }
  const onlyIpv6 = (mode: string) =>
    ports({ dhcp: { mode: 'off' }, dhcp6: { mode, subnets: [{ subnet: 'fd00::/64' }] }, http })
  t.strictSame(onlyIpv6('authoritative'), ['udp 547', 'udp 69', 'tcp 80', 'tcp 8070'])
  t.strictSame(onlyIpv6('stateless'), ['udp 547', 'udp 4011', 'udp 69', 'tcp 80', 'tcp 8070'])
})

t.test('who holds a port', async (t) => {
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  t.teardown(() => udp.close())
  const tcp = createServer().listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  t.teardown(() => tcp.close())
  const address = tcp.address()
  const tcpPort = typeof address === 'object' ? (address?.port ?? 0) : 0

  t.match(await holderOf({ protocol: 'udp', port: udp.address().port }), { pid: process.pid })
  t.match(await holderOf({ protocol: 'tcp', port: tcpPort }), { pid: process.pid, command: /node/ })
  const closed = createSocket('udp4').bind(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address()
  await new Promise<void>((resolve) => closed.close(() => resolve()))
  t.equal(await holderOf({ protocol: 'udp', port }), undefined)
})

t.test('a port is fine when it is free, or ours', async (t) => {
  const wanted = { face: 'TFTP', protocol: 'udp', port: 69, setting: 'stop it' } as const
  t.match(judgePort(wanted, undefined), { ok: true, detail: 'free' })
  t.match(judgePort(wanted, { pid: 7, command: 'node /opt/rootcast/server/main.js serve' }), { ok: true })
  t.match(judgePort(wanted, { pid: 8, command: '/usr/sbin/in.tftpd -l' }), {
    ok: false,
    detail: 'held by /usr/sbin/in.tftpd -l (pid 8)',
    mend: 'stop it'
  })
  t.match(judgePort(wanted, 'hidden'), { ok: false, mend: /as root/ })
})
