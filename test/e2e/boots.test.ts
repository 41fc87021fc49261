import './support/inside.ts'
import t, { type Test } from 'tap'
import type { BootSettings } from '../../server/boot/model.ts'
import { proveRoot } from '../../server/lab/proof.ts'
import type { ClientOptions } from '../../server/lab/rig.ts'
import type { Shell } from '../../server/lab/shell.ts'
import { layerOf } from './support/layer.ts'
import { startWorld } from './support/world.ts'

/** One way from power-on to a login prompt. */
interface Row {
  readonly name: string
  readonly client: Partial<ClientOptions>
  readonly settings: BootSettings
  /** Words on its screen on the way. */
  readonly screen?: RegExp
  /** What the server says of the loader that it fetched; undefined where the card's own ROM is one. */
  readonly loader?: RegExp
  /** Which protocol carried kernel, initrd and layers. */
  readonly via: { readonly kernel: 'HTTP' | 'TFTP'; readonly layers: 'HTTP' | 'TFTP' }
  /** What is true inside, beyond what is true of every row. */
  readonly inside?: (t: Test, shell: Shell) => Promise<void>
}

const HTTP = { kernel: 'HTTP', layers: 'HTTP' } as const

const ROWS: readonly Row[] = [
  {
    name: 'BIOS with QEMU’s iPXE ROM',
    client: { firmware: 'bios', rom: 'ipxe' },
    settings: {},
    via: HTTP
  },
  {
    name: 'UEFI with an iPXE ROM',
    client: { firmware: 'uefi', rom: 'ipxe' },
    settings: {},
    via: HTTP,
    inside: isUefi
  },
  {
    name: 'BIOS through PXELINUX',
    client: { firmware: 'bios', rom: 'ipxe' },
    settings: { loader: 'pxelinux' },
    screen: /PXELINUX 6/,
    loader: /lpxelinux\.0/,
    via: HTTP
  },
  {
    name: 'UEFI with OVMF’s own PXE to iPXE',
    client: { firmware: 'uefi', rom: 'none' },
    settings: { loader: 'ipxe' },
    screen: /iPXE 1\./,
    loader: /ipxe\.efi/,
    via: HTTP,
    inside: isUefi
  },
  {
    name: 'UEFI with OVMF’s own PXE to shim and GRUB, Secure Boot enforced',
    client: { firmware: 'uefi-secure', rom: 'none' },
    settings: {},
    screen: /Welcome to GRUB/,
    loader: /shimx64\.efi/,
    via: { kernel: 'TFTP', layers: 'HTTP' },
    async inside(t, shell) {
      await isUefi(t, shell)
      // Four bytes of attributes, then the value: 1 is enforced.
      const secureBoot = await shell.read('od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-*')
      t.match(secureBoot.trim(), / 1$/, 'the firmware enforces Secure Boot')
      t.match(await shell.read('cat /sys/kernel/security/lockdown'), /\[integrity\]/, 'the kernel is locked down')
    }
  },
  {
    name: 'H3: UEFI HTTP boot, whose Host header lacks the port',
    client: { firmware: 'uefi', rom: 'none', httpBoot: true },
    settings: {},
    screen: /iPXE 1\./,
    loader: /ipxe\.efi/,
    via: HTTP,
    inside: isUefi
  },
  {
    name: 'kernel, initrd and root by TFTP',
    client: { firmware: 'bios', rom: 'ipxe' },
    settings: { transport: 'tftp' },
    via: { kernel: 'TFTP', layers: 'TFTP' }
  },
  {
    name: 'two layers',
    client: { firmware: 'bios', rom: 'ipxe' },
    settings: { image: 'two-layers' },
    via: HTTP,
    async inside(t, shell) {
      t.equal(await shell.read('cat /etc/second-layer'), 'above', 'the upper layer covers the lower')
      t.equal(await shell.read('findmnt -rno FSTYPE -t squashfs | wc -l'), '2')
    }
  }
]

async function isUefi(t: Test, shell: Shell): Promise<void> {
  t.equal((await shell.run('test -d /sys/firmware/efi')).status, 0, 'the firmware is UEFI')
}

t.jobs = 2
const world = await startWorld(t, { clients: ROWS.length })
await world.publish('1')
await world.publish('1', { image: 'two-layers', layers: [await layerOf('etc/second-layer', 'above')] })

for (const [i, row] of ROWS.entries()) {
  t.test(row.name, { buffered: true }, async (t) => {
    const machine = await world.host(t, i + 1, row.client, row.settings)
    await machine.powerOn()
    if (row.screen) t.ok(await machine.screen(row.screen), 'the loader shows itself')
    const shell = await machine.login()

    for (const { claim, seen, holds } of await proveRoot(shell)) t.ok(holds, `${claim} (${seen})`)
    const words = (step: string) => machine.events.filter((event) => event.step === step).map(({ detail }) => detail)
    if (row.loader) t.match(words('loader').join('\n'), row.loader, 'it fetched its loader')
    t.match(words('kernel').join('\n'), row.via.kernel, `the kernel came by ${row.via.kernel}`)
    const layersBy = new RegExp(`overlay\\.layers=${row.via.layers.toLowerCase()}:`)
    t.match(await shell.read('cat /proc/cmdline'), layersBy, `the layers come by ${row.via.layers}`)
    await row.inside?.(t, shell)
  })
}
