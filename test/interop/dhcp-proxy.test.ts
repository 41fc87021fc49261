// ProxyDHCP beside other people's servers: they give the address, we give the boot options, and nobody is in the way.
import t, { type Test } from 'tap'
import type { DhcpPacket } from '../../server/dhcp/packet.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import {
  addr,
  answering,
  bootAnswer,
  bytes,
  configOf,
  latin1,
  message,
  type OptionList
} from '../support/dhcp-packets.ts'
import { dhcpServer } from '../support/dhcp-server.ts'
import { enterOwnNetwork, type Namespace } from '../support/netns.ts'
import { type Heard, PxeClient } from '../support/pxe-client.ts'
import { switchRoom } from '../support/switch-room.ts'

await enterOwnNetwork()

const MAC = '52:54:00:00:00:01'
const FIRMWARE: OptionList = [
  [60, latin1('PXEClient:Arch:00007:UNDI:003000')],
  [93, bytes(0, 7)],
  [94, bytes(1, 3, 0)],
  [97, new Uint8Array(17)],
  [57, bytes(5, 192)],
  [55, bytes(1, 3, 6, 43, 60, 66, 67)]
]
const HEADER = { chaddr: MAC, flags: 0x8000 } // EDK2 always wants broadcasts

const DHCPD = `ddns-update-style none;
authoritative;
subnet 192.168.77.0 netmask 255.255.255.0 { range 192.168.77.200 192.168.77.220; option routers 192.168.77.3; }
`

const KEA = JSON.stringify({
  Dhcp4: {
    'interfaces-config': { interfaces: ['eth0'] },
    'lease-database': { type: 'memfile', persist: false },
    subnet4: [{ subnet: '192.168.77.0/24', pools: [{ pool: '192.168.77.200 - 192.168.77.220' }] }],
    loggers: [{ name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: 'stdout', flush: true }] }]
  }
})

/** Each starts the other server in its namespace, and resolves when it listens. */
const OTHERS: Record<string, (namespace: Namespace) => Promise<void>> = {
  dnsmasq: (namespace) =>
    namespace.daemon(
      /DHCP, IP range/,
      'dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --port=0 --leasefile-ro --no-ping ' +
        '--interface=eth0 --dhcp-authoritative --dhcp-range=192.168.77.200,192.168.77.220,1h'
    ),
  'ISC dhcpd': async (namespace) => {
    await namespace.exec('sh', '-c', `printf '%s' '${DHCPD}' >/run/dhcpd.conf; : >/run/dhcpd.leases`)
    // By its path, for the npm package dhcp has a program of the same name.
    await namespace.daemon(
      /Server starting service/,
      '/usr/sbin/dhcpd -4 -f -d -cf /run/dhcpd.conf -lf /run/dhcpd.leases -pf /run/dhcpd.pid eth0'
    )
  },
  Kea: async (namespace) => {
    await namespace.exec('sh', '-c', `printf '%s' '${KEA}' >/run/kea.json; mkdir /run/kea`)
    const directories = 'KEA_PIDFILE_DIR=/run/kea KEA_LOCKFILE_DIR=/run/kea'
    await namespace.daemon(/DHCP4_STARTED/, `env ${directories} kea-dhcp4 -c /run/kea.json`)
  }
}

/** A switch with us, the other server and a client on it. */
async function room(t: Test, startOther: (namespace: Namespace) => Promise<void>) {
  const { client, other } = await switchRoom(t, { ours: '192.168.77.1/24', others: '192.168.77.3/24', clientMac: MAC })
  await startOther(other)
  const config = configOf({ mode: 'proxy', interfaces: ['br0'], subnets: [] })
  const boot = answering(bootAnswer({ bootfile: 'shimx64.efi' }))
  const running = await dhcpServer({ config, boot, leases: undefined })
  t.teardown(() => running.server.close())
  return { client, ...running }
}

function summary({ from, packet }: Heard): unknown {
  const { yiaddr, siaddr, file, options } = packet
  return {
    from,
    type: options.get(53)?.[0],
    hasAddress: yiaddr !== 0,
    nextServer: formatIpv4(siaddr),
    file,
    vendorClass: Buffer.from(options.get(60) ?? []).toString('latin1'),
    vendorSpecific: Buffer.from(options.get(43) ?? []).toString('hex')
  }
}

const OUR_OFFER = {
  from: '192.168.77.1:67',
  type: 2,
  hasAddress: false,
  nextServer: '192.168.77.1',
  file: 'shimx64.efi',
  vendorClass: 'PXEClient',
  vendorSpecific: '060108ff'
}

for (const [name, startOther] of Object.entries(OTHERS)) {
  t.test(`beside ${name}`, async (t) => {
    const { client, events, server } = await room(t, startOther)

    t.test('firmware hears an address from the one and its bootfile from the other', async (t) => {
      using firmware = await PxeClient.open(client, 'eth0', 68)
      firmware.send(message('discover', FIRMWARE, HEADER), 67)
      const offers = await firmware.hears(2)
      const ours = offers.find(({ from }) => from === '192.168.77.1:67')
      const theirs = offers.find(({ from }) => from === '192.168.77.3:67')
      t.same(ours && summary(ours), OUR_OFFER)
      t.match(theirs && summary(theirs), { type: 2, hasAddress: true, file: '' })

      const address = theirs?.packet.yiaddr ?? 0
      firmware.send(request(address), 67)
      const ack = (await firmware.hears(3))[2]
      t.match(ack && summary(ack), { from: '192.168.77.3:67', type: 5, hasAddress: true })
      t.same(
        events.map(({ kind }) => kind),
        ['proxy-offer'],
        'we keep out of their lease'
      )

      await client.exec('ip', 'address', 'add', `${formatIpv4(address)}/24`, 'dev', 'eth0')
      using asking = await PxeClient.open(client, 'eth0', 4011)
      asking.send(message('request', FIRMWARE, { ...HEADER, ciaddr: address }), 4011, addr('192.168.77.1'))
      const told = (await asking.hears(1))[0]
      t.same(told && summary(told), { ...OUR_OFFER, from: '192.168.77.1:4011', type: 5 })
      await client.exec('ip', 'address', 'flush', 'dev', 'eth0')
    })

    t.test('a running system has to do with the other server alone', async (t) => {
      const before = server.counts()
      const { stderr } = await client.exec(
        'busybox',
        'udhcpc',
        '-f',
        '-i',
        'eth0',
        '-n',
        '-q',
        '-t',
        '8',
        '-s',
        '/bin/true'
      )
      t.match(stderr, /lease of 192\.168\.77\.2\d\d obtained from 192\.168\.77\.3/)
      const { received, sent, failed } = server.counts()
      t.ok(received > before.received, 'we heard it')
      t.same([sent, failed], [before.sent, 0], 'and said nothing')
    })
  })
}

function request(address: number): DhcpPacket {
  const taken: OptionList = [
    [54, bytes(192, 168, 77, 3)],
    [50, bytes(...formatIpv4(address).split('.').map(Number))]
  ]
  return message('request', [...taken, ...FIRMWARE], HEADER)
}
