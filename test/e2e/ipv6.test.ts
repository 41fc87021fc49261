import './support/inside.ts'
import t from 'tap'
import { CARD } from '../../server/lab/network.ts'
import { SERVER6, SUBNET } from '../../server/lab/rig.ts'
import { formatIpv4, formatSubnet } from '../../server/net/ipv4.ts'
import { addCard } from './support/second-card.ts'
import { type Diskless, startWorld } from './support/world.ts'

const PXE6 = { firmware: 'uefi', rom: 'none', withoutIpv4Pxe: true } as const
/** OVMF tries HTTP boot over IPv4 first: an offer that is of another class than its own ends that after 4 s. */
const HTTP6 = { firmware: 'uefi', rom: 'none', httpBoot: true, memoryMib: 512 } as const
const NOT_BY_IPV4 = { dhcpOptions: { 60: Buffer.from('PXEClient').toString('hex') } }
/** A card of the server's that has no IPv4 address. */
const CARD6 = 'lan6'

const host = (low: number) => formatIpv4(SUBNET.network + low)
t.jobs = 2
const world = await startWorld(t, {
  clients: 3,
  config: {
    dhcp: {
      mode: 'authoritative',
      interfaces: [CARD],
      subnets: [{ subnet: formatSubnet(SUBNET), pools: [{ from: host(100), to: host(199) }] }]
    },
    dhcp6: {
      mode: 'authoritative',
      interfaces: [CARD, CARD6],
      subnets: [{ subnet: 'fd00:77::/64' }, { subnet: 'fd00:78::/64' }]
    },
    http: { boot: { address: ['0.0.0.0', '::'] } }
  }
})
await addCard(CARD6, 'fd00:78::1/64', 'client2')
await world.publish('1')

/** What came over the wire so far, in the order in which it was there. */
function done({ events }: Diskless): string {
  const ok = events.filter(({ outcome }) => outcome === 'ok')
  return ok.map(({ step, detail }) => `${step}: ${detail}`).join('\n')
}

t.test(
  'PXE over IPv6: all that loaders fetch comes over it, and the initramfs goes on over IPv4',
  { buffered: true },
  async (t) => {
    const machine = await world.host(t, 1, PXE6, {})
    await machine.powerOn()
    const screen = await machine.screen(/Start PXE over IPv6.*Server IP address is (\S+)\s/s)
    t.match(screen, /FD00:77:0:0:0:0:0:1/, `${SERVER6}, as EDK2 writes it`)
    const { detail } = await machine.until('network')
    t.match(detail, / 10\.77\.0\.1\d\d\/24/)
    t.match(
      done(machine),
      /^dhcp: fd00:77:.* leased.*\nloader: shimx64.efi by TFTP\nloader: grubx64.efi by TFTP\nscript: .*\nkernel: .*\ninitrd: /
    )
  }
)

t.test(
  'where there is nothing but IPv6, the system comes up with the address of its firmware',
  { buffered: true },
  async (t) => {
    const machine = await world.host(t, 2, PXE6, {})
    await machine.powerOn()
    const shell = await machine.login()
    const [address] = /fd00:78:\S+(?= leased)/.exec(done(machine)) ?? []
    t.match(done(machine), `network: enp0s1 ${address}/64`)
    t.equal(await shell.read('findmnt -rno FSTYPE /'), 'overlay')
    t.equal(await shell.read("ip -4 -o address show scope global | awk '{ print $4 }'"), '')
    t.match(await shell.read("ip -6 -o address show scope global | awk '{ print $4 }'"), `${address}/`)
  }
)

t.test('HTTP boot over IPv6, with an address of ours', { buffered: true }, async (t) => {
  const machine = await world.host(t, 3, HTTP6, NOT_BY_IPV4)
  await machine.powerOn()
  await machine.until('script')
  // Nothing but an IPv6 address was taken before the loader came.
  t.match(done(machine), /^dhcp: fd00:77:.* leased.*\nloader: ipxe\/ipxe.efi by HTTP\n(?:ipxe-dhcp: .*\n)+script: /)
})
