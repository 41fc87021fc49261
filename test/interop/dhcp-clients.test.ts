// Real DHCP clients against our sockets, each in a network of its own: one machine keeps one address through all of them.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { FileLeaseStore, MemoryLeaseStore } from '../fakes/lease-store.ts'
import { addr, answering, configOf, latin1, NO_BOOT, net, roomOf } from '../support/dhcp-packets.ts'
import { dhcpServer, type TestServerOptions } from '../support/dhcp-server.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'

await enterOwnNetwork()

const MAC = '52:54:00:00:00:01'
const ROOM = roomOf({
  dns: [addr('192.168.77.2')],
  domain: 'room.example',
  ntp: [addr('192.168.77.4')],
  mtu: 1400,
  routes: [{ to: net('10.0.0.0/8'), via: addr('192.168.77.254') }],
  options: new Map([[252, latin1('http://wpad/')]])
})
const LINE = 'BOOT=overlay overlay.layers=http://192.168.77.1/boots/b1/layers'

/** A machine on a cable to us, and the server at our end of it. */
async function room(t: Test, options: TestServerOptions = {}) {
  const client = await Namespace.create()
  await client.cable('srv0', 'eth0', MAC)
  await ip('address add 192.168.77.1/24 dev srv0')
  const store = new MemoryLeaseStore()
  const running = await dhcpServer({
    config: configOf({ interfaces: ['srv0'], subnets: [ROOM] }),
    boot: answering({ ...NO_BOOT, kernelArguments: LINE, rootPath: 'overlay:http://192.168.77.1/boots/b1/layers' }),
    leases: store,
    ...options
  })
  t.teardown(async () => {
    await running.server.close()
    await client[Symbol.asyncDispose]()
    await ip('link delete srv0').catch(() => undefined) // gone with the other end
  })
  const leased = () => [...store.byAddress.values()].map(({ address, state }) => `${formatIpv4(address)} ${state}`)
  return { client, store, leased, ...running }
}

/** Writes a program that a client runs with its findings in the environment. */
async function script(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'dhcp-')), 'script')
  await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return path
}

const UDHCPC = ['udhcpc', '-f', '-i', 'eth0', '-n', '-q', '-t', '5', '-T', '1']

t.test('busybox udhcpc takes an address and every option that it asks for', async (t) => {
  const { client, leased, events } = await room(t)
  const show = await script('[ "$1" = bound ] && env | sort')
  const asked = ['-O', 'ntpsrv', '-O', 'mtu', '-O', 'staticroutes', '-O', '252', '-O', '224', '-O', 'rootpath']
  const { stdout, stderr } = await client.exec('busybox', ...UDHCPC, '-s', show, ...asked)
  t.match(stderr, /lease of 192\.168\.77\.1\d\d obtained from 192\.168\.77\.1, lease time 3600/)
  const hex = (text: string) => Buffer.from(text).toString('hex')
  for (const line of [
    'subnet=255.255.255.0',
    'router=192.168.77.1',
    'dns=192.168.77.2',
    'domain=room.example',
    'ntpsrv=192.168.77.4',
    'mtu=1400',
    'staticroutes=10.0.0.0/8 192.168.77.254 0.0.0.0/0 192.168.77.1',
    'rootpath=overlay:http://192.168.77.1/boots/b1/layers',
    'wpad=http://wpad/',
    `opt224=${hex(LINE)}`
  ]) {
    t.ok(stdout.includes(`${line}\n`), line)
  }
  t.match(leased(), [/ bound$/])
  t.same(
    events.map(({ kind }) => kind),
    ['offer', 'ack']
  )
})

t.test('busybox udhcpc gives its lease back', async (t) => {
  const { client, leased, events } = await room(t)
  const configure = await script('[ "$1" = bound ] && ip address add "$ip/24" dev eth0') // RELEASE is a unicast
  client.spawn('busybox', 'udhcpc', '-f', '-R', '-p', '/run/udhcpc.pid', '-i', 'eth0', '-s', configure)
  await eventually('a lease', () => leased()[0])
  await client.exec('sh', '-c', 'until ip address show eth0 | grep -q 192.168.77; do sleep 0.1; done')
  await client.exec('sh', '-c', 'kill -TERM "$(cat /run/udhcpc.pid)"')
  t.match(await eventually('its end', () => leased().find((lease) => lease.endsWith('released'))), /released$/)
  t.same(
    events.map(({ kind }) => kind),
    ['offer', 'ack', 'release']
  )
})

t.test('ISC dhclient takes an address, renews it after a restart, and gives it back', async (t) => {
  const { client, leased, events } = await room(t)
  const config = join(await mkdtemp(join(tmpdir(), 'dhcp-')), 'dhclient.conf')
  await writeFile(
    config,
    'option kernel-line code 224 = text;\nsend dhcp-client-identifier = "another identity";\n' +
      'request subnet-mask, routers, domain-name-servers, domain-name, host-name, ntp-servers, kernel-line;\n'
  )
  const show = await script('env | grep -E "^(reason|new_)" | sort')
  const dhclient = (...more: string[]) =>
    client.exec(
      'dhclient',
      '-4',
      '-v',
      '-cf',
      config,
      '-lf',
      '/run/leases',
      '-pf',
      '/run/pid',
      '-sf',
      show,
      ...more,
      'eth0'
    )
  const first = await dhclient('-1')
  t.match(first.stdout, /reason=BOUND/)
  t.match(first.stdout, `new_kernel_line=${LINE}`)
  t.match(first.stdout, /new_domain_name=room\.example/)
  await dhclient('-x')
  const second = await dhclient('-1')
  t.match(second.stdout, /reason=REBOOT/, 'INIT-REBOOT')
  t.equal(events.filter(({ kind }) => kind === 'offer').length, 1, 'without another DISCOVER')
  const address = /new_ip_address=(\S+)/.exec(first.stdout)?.[1] ?? ''
  t.match(second.stdout, `new_ip_address=${address}`)
  t.same(leased(), [`${address} bound`])
  await client.exec('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0') // RELEASE is a unicast
  await dhclient('-r')
  await eventually('its end', () => leased().find((lease) => lease === `${address} released`))
})

t.test('ISC dhclient with an address of another network is told no, and takes one of ours', async (t) => {
  const { client, events } = await room(t)
  const leases =
    'lease {\n interface "eth0";\n fixed-address 10.9.9.9;\n renew 0 2036/01/01 00:00:00;\n' +
    ' rebind 0 2036/01/01 00:00:00;\n expire 0 2036/01/01 00:00:00;\n}\n'
  const path = join(await mkdtemp(join(tmpdir(), 'dhcp-')), 'leases')
  await writeFile(path, leases)
  const { stderr } = await client.exec(
    'dhclient',
    '-4',
    '-v',
    '-1',
    '-lf',
    path,
    '-pf',
    '/run/pid',
    '-sf',
    '/bin/true',
    'eth0'
  )
  t.match(stderr, /DHCPNAK from 192\.168\.77\.1/)
  t.match(stderr, /bound to 192\.168\.77\.1\d\d/)
  t.same(
    events.map(({ kind }) => kind),
    ['nak', 'offer', 'ack']
  )
})

t.test('systemd-networkd configures its card from our answers', async (t) => {
  const { client, leased, store } = await room(t)
  const network =
    '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n[DHCPv4]\nUseMTU=yes\nUseNTP=yes\n'
  await client.exec('mount', '-o', 'remount,ro', '/sys') // or networkd waits for udev, which is not there
  await client.exec('mkdir', '-p', '/run/systemd/network')
  await client.exec('sh', '-c', `printf '${network.replaceAll('\n', '\\n')}' >/run/systemd/network/10-eth0.network`)
  const networkd = client.spawn(
    'env',
    'SYSTEMD_LOG_LEVEL=debug',
    'SYSTEMD_LOG_TARGET=console',
    '/lib/systemd/systemd-networkd'
  )
  let log = ''
  for (const stream of [networkd.stdout, networkd.stderr]) {
    stream?.on('data', (text) => {
      log += text
    })
  }
  try {
    await eventually('a lease', () => leased()[0])
    await eventually('the address in use', () => /eth0: DHCPv4 address (\S+)/.exec(log)?.[1])
  } catch (error) {
    t.comment(log)
    throw error
  }
  t.match(store.byAddress.values().next().value?.clientId, /^ff/, 'RFC 4361: it is known by its MAC all the same')
  t.equal(store.byAddress.values().next().value?.mac, MAC)
  const address = leased()[0]?.split(' ')[0] ?? ''
  await eventually('the route', () =>
    /eth0: Configured|State changed: configuring -> configured/.test(log) ? true : undefined
  )
  t.match((await client.exec('ip', '-4', 'address', 'show', 'eth0')).stdout, `inet ${address}/24`)
  t.match((await client.exec('ip', 'route')).stdout, 'default via 192.168.77.1')
  t.match((await client.exec('ip', 'route')).stdout, '10.0.0.0/8 via 192.168.77.254')
  t.match((await client.exec('ip', 'link', 'show', 'eth0')).stdout, 'mtu 1400')
})

t.test('one machine keeps its address through udhcpc, dhclient and a restart of the server', async (t) => {
  const path = join(await mkdtemp(join(tmpdir(), 'dhcp-')), 'leases.json')
  const first = await room(t, { leases: new FileLeaseStore(path) })
  const taken = async (stderr: string) => /(?:lease of|bound to) (\S+)/.exec(stderr)?.[1]
  const udhcpc = await taken((await first.client.exec('busybox', ...UDHCPC, '-s', '/bin/true')).stderr)
  await first.server.close()
  const config = configOf({ interfaces: ['srv0'], subnets: [ROOM] })
  await using again = await dhcpServer({ config, leases: new FileLeaseStore(path) })
  const dhclient = await first.client.exec(
    ...(['dhclient', '-4', '-v', '-1', '-lf', '/run/none', '-pf', '/run/pid', '-sf', '/bin/true', 'eth0'] as const)
  )
  t.match(udhcpc, /^192\.168\.77\.1\d\d$/)
  t.equal(await taken(dhclient.stderr), udhcpc)
  t.equal(again.server.counts().failed, 0)
})

t.test('without native code one card is served all the same', async (t) => {
  const { client, leased } = await room(t, { deviceSockets: 'none' })
  const { stderr } = await client.exec('busybox', ...UDHCPC, '-s', '/bin/true')
  t.match(stderr, /lease of 192\.168\.77\.1\d\d obtained from 192\.168\.77\.1/)
  t.match(leased(), [/ bound$/])
})

t.test('two cards, each with its own subnet: every client gets an address of the side that it is on', async (t) => {
  await using left = await Namespace.create()
  await using right = await Namespace.create()
  await left.cable('srv1', 'eth0', MAC)
  await right.cable('srv2', 'eth0', '52:54:00:00:00:02')
  await ip('address add 10.1.0.1/24 dev srv1')
  await ip('address add 10.2.0.1/24 dev srv2')
  const side = (n: number) =>
    roomOf({
      subnet: net(`10.${n}.0.0/24`),
      pools: [{ from: addr(`10.${n}.0.10`), to: addr(`10.${n}.0.20`) }],
      router: addr(`10.${n}.0.1`)
    })
  await using running = await dhcpServer({ config: configOf({ subnets: [side(1), side(2)] }) })
  t.same(
    running.server.links.map(({ name }) => name),
    ['srv1', 'srv2'],
    'found by themselves'
  )
  const outputs = await Promise.all([left, right].map((client) => client.exec('busybox', ...UDHCPC, '-s', '/bin/true')))
  t.match(outputs[0]?.stderr, /lease of 10\.1\.0\.\d+ obtained from 10\.1\.0\.1/)
  t.match(outputs[1]?.stderr, /lease of 10\.2\.0\.\d+ obtained from 10\.2\.0\.1/)
  t.match(running.server.counts(), { received: 4, sent: 4 })
  const moved = await right.exec('ip', 'link', 'set', 'eth0', 'address', MAC)
  t.equal(moved.code, 0)
  const again = await right.exec('busybox', ...UDHCPC, '-s', '/bin/true')
  t.match(again.stderr, /lease of 10\.2\.0\.\d+/, 'a machine that moved is served where it is now')
  await t.rejects(dhcpServer({ config: configOf({ subnets: [side(1), side(2)] }), deviceSockets: 'none' }), {
    code: 'INTERFACE_UNUSABLE'
  })
})
