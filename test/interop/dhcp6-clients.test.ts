// Real DHCPv6 clients and a relay agent against our socket, each in a network of its own.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dhcp6Config } from '../../server/dhcp6/settings.ts'
import { loadRouterAdvertiser } from '../../server/net/router-advertisement.ts'
import { MemoryLeaseStore6 } from '../fakes/lease-store6.ts'
import { configOf } from '../support/dhcp6-messages.ts'
import { dhcp6Server } from '../support/dhcp6-server.ts'
import { enterOwnNetwork, eventually, ip, Namespace, settled, settledIn } from '../support/netns.ts'

await enterOwnNetwork()

const MAC = '52:54:00:77:00:01'

/** A machine on a cable to us, and the server at our end of it. */
async function room(t: Test, settings: Partial<Dhcp6Config> = {}) {
  const client = await Namespace.create()
  await client.cable('srv0', 'eth0', MAC)
  await ip('address add fd00:77::1/64 dev srv0 nodad')
  await settled('srv0')
  await settledIn(client, 'eth0')
  const store = new MemoryLeaseStore6()
  const running = await dhcp6Server({
    config: configOf({ interfaces: ['srv0'], ...settings }),
    leases: store,
    routerAdvertiser: await loadRouterAdvertiser()
  })
  t.teardown(async () => {
    await running.server.close()
    await client[Symbol.asyncDispose]()
    await ip('link delete srv0').catch(() => undefined) // gone with the other end
  })
  const leased = () => [...store.byAddress.values()].map(({ address, state }) => `${address} ${state}`)
  return { client, store, leased, ...running }
}

/** Prints what dhclient found out, as `name=value`. */
async function dhclientScript(): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'dhcp6-')), 'script')
  // Only what is there before the address: dhclient then goes on as if it had been configured.
  await writeFile(path, '#!/bin/sh\nenv | grep -E "^(reason|new_)" | sort\n', { mode: 0o755 })
  return path
}

const DHCLIENT = ['-6', '-lf', '/run/leases6', '-pf', '/run/pid6'] as const

t.test('ISC dhclient takes an address and a name server, and gives the address back', async (t) => {
  const { client, store, leased, events, server } = await room(t)
  const script = await dhclientScript()
  const dhclient = (...more: readonly string[]) => client.exec('dhclient', ...DHCLIENT, '-sf', script, ...more, 'eth0')
  const bound = await dhclient('-1')
  t.match(bound.stdout, /reason=BOUND6/)
  t.match(bound.stdout, 'new_dhcp6_name_servers=fd00:77::53')
  const address = /new_ip6_address=(\S+)/.exec(bound.stdout)?.[1] ?? ''
  t.same(leased(), [`${address} bound`])
  t.equal(store.byAddress.get(address)?.identity, MAC, 'known by its MAC')
  await dhclient('-r')
  await eventually('its end', () => leased().find((lease) => lease === `${address} released`))
  t.same(
    events.map(({ kind }) => kind),
    ['offer', 'ack', 'release']
  )
  t.match(server.counts(), { malformed: 0, failed: 0, sendFailed: 0 })
})

t.test('ISC dhclient with an address from elsewhere is told the rest', async (t) => {
  const { client, leased } = await room(t)
  const { stdout } = await client.exec('dhclient', ...DHCLIENT, '-1', '-S', '-sf', await dhclientScript(), 'eth0')
  t.match(stdout, 'new_dhcp6_name_servers=fd00:77::53')
  t.same(leased(), [])
})

t.test('systemd-networkd hears from our router advertisement that addresses come by DHCPv6', async (t) => {
  const { client, leased } = await room(t)
  const network = '[Match]\nName=eth0\n[Network]\nDHCP=no\nIPv6AcceptRA=yes\nLinkLocalAddressing=ipv6\n'
  await client.exec('mount', '-o', 'remount,ro', '/sys') // or networkd waits for udev, which is not there
  await client.exec('mkdir', '-p', '/run/systemd/network')
  await client.exec('sh', '-c', `printf '${network.replaceAll('\n', '\\n')}' >/run/systemd/network/10-eth0.network`)
  const log = ['SYSTEMD_LOG_LEVEL=debug', 'SYSTEMD_LOG_TARGET=console']
  await client.daemon(/eth0: DHCPv6 address fd00:77:\S+/, `env ${log.join(' ')} /lib/systemd/systemd-networkd`)
  const address = leased()[0]?.replace(' bound', '') ?? ''
  t.match((await client.exec('ip', '-6', 'address', 'show', 'dev', 'eth0')).stdout, `inet6 ${address}/128`)
  t.match((await client.exec('ip', '-6', 'route')).stdout, /^fd00:77::\/64 /m, 'its neighbours')
  t.notMatch((await client.exec('ip', '-6', 'route')).stdout, /^default/m, 'and no router')
})

t.test('a client behind ISC’s relay agent gets an address of its own link', async (t) => {
  await using router = await Namespace.create()
  await using client = await Namespace.create()
  await router.cable('srv0', 'up0')
  await router.exec('ip', 'address', 'add', 'fd00:77::2/64', 'dev', 'up0', 'nodad')
  await ip('address add fd00:77::1/64 dev srv0 nodad')
  await router.cableTo(client, 'down0', 'eth0')
  await router.exec('ip', 'address', 'add', 'fd00:99::1/64', 'dev', 'down0', 'nodad')
  await settled('srv0')
  for (const card of ['up0', 'down0']) await settledIn(router, card)
  await settledIn(client, 'eth0')

  const store = new MemoryLeaseStore6()
  const far = { subnet: { network: 'fd00:99::', prefix: 64 }, leaseSeconds: 600, dns: [] }
  const config = configOf({ interfaces: ['srv0'], subnets: [...configOf().subnets, far] })
  await using running = await dhcp6Server({ config, leases: store })
  await router.daemon(/Sending on +Socket/, 'dhcrelay -6 -d --no-pid -I -l down0 -u fd00:77::1%up0')
  const { stdout } = await client.exec('dhclient', ...DHCLIENT, '-1', '-sf', await dhclientScript(), 'eth0')
  const address = /new_ip6_address=(\S+)/.exec(stdout)?.[1] ?? ''
  t.match(address, /^fd00:99:/)
  t.same([...store.byAddress.keys()], [address])
  t.match(running.server.counts(), { malformed: 0, failed: 0, sendFailed: 0 })
})
