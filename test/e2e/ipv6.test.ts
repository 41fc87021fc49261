import './support/inside.ts'
import t from 'tap'
import { CARD } from '../../server/lab/network.ts'
import { SERVER6, SUBNET } from '../../server/lab/rig.ts'
import { formatIpv4, formatSubnet } from '../../server/net/ipv4.ts'
import { startWorld } from './support/world.ts'

const host = (low: number) => formatIpv4(SUBNET.network + low)
const world = await startWorld(t, {
  clients: 1,
  config: {
    // For the initramfs, which speaks IPv4.
    dhcp: {
      mode: 'authoritative',
      interfaces: [CARD],
      subnets: [{ subnet: formatSubnet(SUBNET), pools: [{ from: host(100), to: host(199) }] }]
    },
    dhcp6: { mode: 'authoritative', interfaces: [CARD], subnets: [{ subnet: 'fd00:77::/64' }] },
    http: { boot: { address: ['0.0.0.0', '::'] } }
  }
})
await world.publish('1')

t.test('PXE over IPv6: shim, GRUB, kernel and initrd come over it, and the initramfs goes on over IPv4', async (t) => {
  const machine = await world.host(t, 1, { firmware: 'uefi', rom: 'none', withoutIpv4Pxe: true }, {})
  await machine.powerOn()
  const screen = await machine.screen(/Start PXE over IPv6.*Server IP address is (\S+)\s/s)
  t.match(screen, /FD00:77:0:0:0:0:0:1/, `${SERVER6}, as EDK2 writes it`)
  const { detail } = await machine.until('network')
  t.match(detail, / 10\.77\.0\.1\d\d\/24/)
  const done = machine.events.filter(({ outcome }) => outcome === 'ok').map(({ step, detail }) => `${step}: ${detail}`)
  t.match(
    done.join('\n'),
    /^dhcp: fd00:77:.* leased.*\nloader: shimx64.efi by TFTP\nloader: grubx64.efi by TFTP\nscript: .*\nkernel: .*\ninitrd: /
  )
})
