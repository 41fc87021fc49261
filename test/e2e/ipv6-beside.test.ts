// Boot options over IPv6 beside somebody else's DHCPv6 server and router, as OVMF takes them.
import './support/bare.ts'
import t from 'tap'
import { CARD, SWITCH } from '../../server/lab/network.ts'
import { ip, Namespace } from '../support/netns.ts'
import { publishTiny, TINY } from './support/tiny.ts'
import { type Diskless, startWorld } from './support/world.ts'

/** iPXE hears only the server that gives it its address: this one has to name the script. Of all else it knows nothing. */
const OTHER = [
  'dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --port=0 --leasefile-ro --interface=eth0',
  '--dhcp-range=10.77.0.50,10.77.0.59,1h --dhcp-range=fd00:77::200,fd00:77::220,64,1h --enable-ra',
  '--dhcp-userclass=set:ipxe,iPXE --dhcp-option=tag:ipxe,option6:59,http://[fd00:77::1]/boot.ipxe'
].join(' ')

t.jobs = 2
const world = await startWorld(t, {
  clients: 2,
  config: {
    dhcp: { mode: 'off' },
    dhcp6: { mode: 'stateless', interfaces: [CARD] },
    http: { boot: { address: ['0.0.0.0', '::'] } }
  }
})
const other = await Namespace.create()
t.teardown(() => other[Symbol.asyncDispose]())
await other.cable('other0', 'eth0')
await other.exec('ip', 'address', 'add', '10.77.0.2/24', 'dev', 'eth0')
await other.exec('ip', 'address', 'add', 'fd00:77::2/64', 'dev', 'eth0', 'nodad')
await ip(`link set other0 master ${SWITCH}`)
await other.daemon(/DHCPv6, IP range/, OTHER)
await publishTiny(world)

const UEFI = { firmware: 'uefi', rom: 'none', memoryMib: 512 } as const

t.test('PXE, to iPXE and its script', { buffered: true }, async (t) => {
  const machine = await world.host(t, 1, { ...UEFI, withoutIpv4Pxe: true }, { image: TINY, loader: 'ipxe' })
  await machine.powerOn()
  const screen = await machine.screen(/Start PXE over IPv6.*Station IP address is (\S+)\s.*NBP filename is (\S+)\s/s)
  t.match(screen, /address is FD00:77:0:0:0:0:0:2\w\w\s.*is ipxe\/ipxe.efi/s, 'an address of theirs, a file of ours')
  t.match(await scriptOf(machine), 'Filename: http://[fd00:77::1]/boot.ipxe')
})

t.test('HTTP boot, to iPXE and its script', { buffered: true }, async (t) => {
  const machine = await world.host(t, 2, { ...UEFI, httpBoot: true }, { image: TINY, loader: 'ipxe' })
  await machine.powerOn()
  const screen = await machine.screen(/Start HTTP Boot over IPv6.*Station IPv6 address is (\S+)\s.*URI: (\S+)\s/s)
  t.match(screen, /address is FD00:77:0:0:0:0:0:2\w\w\s.*http:\/\/\[fd00:77::1\]\/ipxe\/ipxe.efi/s)
  t.match(await scriptOf(machine), 'Filename: http://[fd00:77::1]/boot.ipxe')
})

/** Where iPXE found it, once it was asked for. */
async function scriptOf(machine: Diskless): Promise<string> {
  const name = await machine.screen(/^Filename: \S+\s/m)
  await machine.until('script')
  return name
}
