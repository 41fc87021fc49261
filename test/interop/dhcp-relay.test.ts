// A subnet behind a router: ISC's relay agent in between, option 82 added and taken off by it.
import t from 'tap'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { MemoryLeaseStore } from '../fakes/lease-store.ts'
import { addr, configOf, net, roomOf } from '../support/dhcp-packets.ts'
import { dhcpServer } from '../support/dhcp-server.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'

await enterOwnNetwork()

const FAR = roomOf({
  subnet: net('10.1.0.0/24'),
  pools: [{ from: addr('10.1.0.10'), to: addr('10.1.0.20') }],
  router: addr('10.1.0.1'),
  leaseSeconds: 10
})

t.test('a client behind a relay agent gets an address of its own subnet, and renews it past the relay', async (t) => {
  await using router = await Namespace.create()
  await using client = await Namespace.create()
  await router.cable('srv0', 'up0')
  await router.exec('ip', 'address', 'add', '192.168.77.2/24', 'dev', 'up0')
  await ip('address add 192.168.77.1/24 dev srv0')
  await ip('route add 10.1.0.0/24 via 192.168.77.2')
  await router.cableTo(client, 'down0', 'eth0')
  await router.exec('ip', 'address', 'add', '10.1.0.1/24', 'dev', 'down0')
  await router.exec('sh', '-c', 'mount -o remount,rw /proc/sys 2>/dev/null; echo 1 >/proc/sys/net/ipv4/ip_forward')

  const store = new MemoryLeaseStore()
  const config = configOf({ interfaces: ['srv0'], subnets: [roomOf(), FAR] })
  await using running = await dhcpServer({ config, leases: store })
  // -a adds option 82, -D drops replies that do not bring it back as it was.
  await router.daemon(/Sending on +Socket/, 'dhcrelay -4 -d --no-pid -a -D -id down0 -iu up0 192.168.77.1')

  const configure =
    'case $1 in bound|renew) ip address replace $ip/24 dev eth0; ip route replace default via $router;; esac'
  await client.exec('sh', '-c', `printf '#!/bin/sh\\n%s\\n' '${configure}' >/run/script; chmod +x /run/script`)
  client.spawn('busybox', 'udhcpc', '-f', '-i', 'eth0', '-s', '/run/script')
  const lease = await eventually('a lease', () => [...store.byAddress.values()][0])
  t.match(formatIpv4(lease.address), /^10\.1\.0\.(1\d|20)$/)
  t.equal(lease.pool, '10.1.0.10-10.1.0.20')
  t.same(
    running.events.slice(0, 2).map(({ kind }) => kind),
    ['offer', 'ack']
  )

  await eventually('a renewal', () => (running.events.length > 2 ? true : undefined))
  t.match(running.events[2], { kind: 'ack', address: lease.address })
  t.match(running.server.counts(), { failed: 0, malformed: 0, sendFailed: 0 })
  t.same([...store.byAddress.keys()], [lease.address])
})
