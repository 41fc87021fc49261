// Boot options beside other people's DHCPv6 servers: they give the addresses, we give the URL, and nobody is in the way.
import { join } from 'node:path'
import process from 'node:process'
import t, { type Test } from 'tap'
import { readAssociations } from '../../server/dhcp6/options.ts'
import { decodeDhcp6, type Option6, optionValue } from '../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../server/dhcp6/registry.ts'
import { answering, bytesOf, configOf, MAC, message, option, SERVER_ID, uefi, WISH } from '../support/dhcp6-messages.ts'
import { dhcp6Server } from '../support/dhcp6-server.ts'
import { enterOwnNetwork, type Namespace, settled, settledIn } from '../support/netns.ts'
import { switchRoom } from '../support/switch-room.ts'

await enterOwnNetwork()

const URL = 'tftp://[fd00:77::1]/ipxe/ipxe.efi'
const ASKER = join(import.meta.dirname, '../support/dhcp6-asker.ts')
/** Of a UUID, as EDK2 names itself: no MAC is in it. */
const CLIENT_ID = option(OPTION.clientId, `0004${'5a'.repeat(16)}`)
/** Which asks for a URL, and says who it is (iPXE's dhcpv6.c). */
const IPXE = [option(OPTION.optionRequest, '003b003c'), option(OPTION.userClass, '000469505845')]
const GROUP = 'ff02::1:2%eth0'

/** It can't configure its card without a script of its own, which is all the same here. */
const DHCLIENT = '-6 -1 -lf /run/leases6 -pf /run/pid6 -sf /bin/true eth0'.split(' ')

const SCRIPT = 'http://[fd00:77::1]/boot.ipxe'

// What the two are told of iPXE stands in docs/operating.md.
const DHCPD = `ddns-update-style none;
authoritative;
option dhcp6.user-class code 15 = string;
if exists dhcp6.user-class and substring(option dhcp6.user-class, 2, 4) = "iPXE" {
  option dhcp6.bootfile-url "${SCRIPT}";
}
subnet6 fd00:77::/64 { range6 fd00:77::200 fd00:77::220; option dhcp6.name-servers fd00:77::3; }
`

/** Each starts the other server in its namespace, and resolves when it listens. */
const OTHERS: Record<string, (namespace: Namespace) => Promise<void>> = {
  'ISC dhcpd': async (namespace) => {
    await namespace.exec('sh', '-c', `printf '%s' '${DHCPD}' >/run/dhcpd6.conf; : >/run/dhcpd6.leases`)
    // By its path, for the npm package dhcp has a program of the same name.
    await namespace.daemon(
      /Server starting service/,
      '/usr/sbin/dhcpd -6 -f -d -cf /run/dhcpd6.conf -lf /run/dhcpd6.leases -pf /run/dhcpd6.pid eth0'
    )
  },
  dnsmasq: (namespace) =>
    namespace.daemon(
      /DHCPv6, IP range/,
      'dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --port=0 --leasefile-ro ' +
        `--dhcp-userclass=set:ipxe,iPXE --dhcp-option=tag:ipxe,option6:59,${SCRIPT} ` +
        '--interface=eth0 --enable-ra --dhcp-option=option6:dns-server,[fd00:77::3] --dhcp-range=fd00:77::200,fd00:77::220,64,1h'
    )
}

/** A switch with us, the other server and a client on it. */
async function room(t: Test, startOther: (namespace: Namespace) => Promise<void>) {
  const { client, other } = await switchRoom(t, {
    ours: 'fd00:77::1/64 nodad',
    others: 'fd00:77::3/64 nodad',
    clientMac: MAC
  })
  await Promise.all([settled('br0'), settledIn(client, 'eth0'), settledIn(other, 'eth0')])
  await startOther(other)
  const config = configOf({ mode: 'stateless', interfaces: ['br0'], subnets: [] })
  const running = await dhcp6Server({ config, boot: answering(URL) })
  t.teardown(() => running.server.close())
  return { client, ...running }
}

interface Heard {
  readonly isOurs: boolean
  readonly type: number
  readonly serverId: Uint8Array | undefined
  readonly addresses: readonly string[]
  readonly url: string | undefined
}

/** What servers say to firmware that asks from this port. */
async function hears(
  client: Namespace,
  from: 546 | 4011,
  to: string,
  type: 'solicit' | 'request',
  options: readonly Option6[],
  count: number,
  who: readonly Option6[] = uefi('PXEClient')
): Promise<readonly Heard[]> {
  const hex = bytesOf(message(type, [CLIENT_ID, ...options, ...who])).toString('hex')
  const port = from === 546 ? 547 : 4011
  const asked = await client.exec(process.execPath, ASKER, `${from}`, to, `${port}`, hex, `${count}`)
  return asked.stdout
    .trim()
    .split('\n')
    .map((line) => heardIn(Buffer.from(line.split(' ')[1] ?? '', 'hex')))
    .toSorted((a, b) => Number(a.isOurs) - Number(b.isOurs))
}

function heardIn(datagram: Buffer): Heard {
  const { type, options } = decodeDhcp6(datagram).message
  const serverId = optionValue(options, OPTION.serverId)
  const url = optionValue(options, OPTION.bootfileUrl)
  return {
    isOurs: serverId !== undefined && SERVER_ID.equals(serverId),
    type,
    serverId,
    addresses: readAssociations(options).flatMap(({ addresses }) => addresses),
    url: url && Buffer.from(url).toString()
  }
}

for (const [name, startOther] of Object.entries(OTHERS)) {
  t.test(`beside ${name}`, async (t) => {
    const { client, events, server } = await room(t, startOther)

    t.test('firmware hears an address from the one and its URL from the other', async (t) => {
      const [theirs, ours] = await hears(client, 546, GROUP, 'solicit', [WISH], 2)
      t.match(theirs, { isOurs: false, type: MESSAGE.advertise, url: undefined })
      t.match(theirs?.addresses, [/^fd00:77::2/])
      t.match(ours, { isOurs: true, type: MESSAGE.advertise, addresses: [], url: URL })

      const chosen = { code: OPTION.serverId, value: theirs?.serverId ?? Buffer.alloc(0) }
      const [leased] = await hears(client, 546, GROUP, 'request', [chosen, WISH], 1)
      t.match(leased, { isOurs: false, type: MESSAGE.reply, addresses: theirs?.addresses })

      await client.exec('ip', 'address', 'add', `${leased?.addresses[0]}/64`, 'dev', 'eth0', 'nodad')
      const ourId = { code: OPTION.serverId, value: SERVER_ID }
      const [told] = await hears(client, 4011, 'fd00:77::1', 'request', [ourId], 1)
      t.match(told, { isOurs: true, type: MESSAGE.reply, addresses: [], url: URL }, 'asked again on port 4011')
      t.same(
        events.map(({ kind, mac }) => [kind, mac]),
        [
          ['proxy-offer', MAC],
          ['proxy-offer', MAC]
        ],
        'known by its MAC each time; and we keep out of their lease'
      )
      await client.exec('ip', '-6', 'address', 'flush', 'dev', 'eth0', 'scope', 'global')
    })

    t.test('iPXE hears the address and its script from the other', async (t) => {
      const [theirs] = await hears(client, 546, GROUP, 'solicit', [WISH], 2, IPXE)
      const chosen = { code: OPTION.serverId, value: theirs?.serverId ?? Buffer.alloc(0) }
      const [leased] = await hears(client, 546, GROUP, 'request', [chosen, WISH], 1, IPXE)
      t.match(leased, { isOurs: false, type: MESSAGE.reply, addresses: theirs?.addresses, url: SCRIPT })
    })

    t.test('a system takes its address from the other, and hears nothing of us', async (t) => {
      const before = server.counts().sent
      const dhclient = await client.exec('dhclient', ...DHCLIENT)
      t.match((await client.exec('cat', '/run/leases6')).stdout, /iaaddr fd00:77::2/, dhclient.stderr)
      t.equal(server.counts().sent, before)
      t.match(server.counts(), { malformed: 0, failed: 0, sendFailed: 0 })
    })
  })
}
