import t from 'tap'
import { archInWords, loaderFile, loaderFor } from '../../../server/boot/loader.ts'
import type { Arch, KernelLoader, Loader, Stage } from '../../../server/boot/model.ts'

type Row = [arch: Arch, stage: Stage, chosen: Loader | undefined, loader: KernelLoader]

const LOADERS: Record<string, Row> = {
  'BIOS runs iPXE by default': ['x86-bios', 'firmware', undefined, 'ipxe'],
  'BIOS runs PXELINUX by choice': ['x86-bios', 'firmware', 'pxelinux', 'pxelinux'],
  'BIOS can not run the signed GRUB and keeps its own': ['x86-bios', 'firmware', 'grub', 'ipxe'],
  'UEFI runs the signed chain by default': ['x64-uefi', 'firmware', undefined, 'grub'],
  'UEFI runs iPXE by choice': ['x64-uefi', 'firmware', 'ipxe', 'ipxe'],
  'UEFI can not run PXELINUX and keeps its own': ['x64-uefi', 'firmware', 'pxelinux', 'grub'],
  'UEFI HTTP boot runs iPXE by default': ['x64-uefi', 'http-boot', undefined, 'ipxe'],
  'UEFI HTTP boot runs the signed chain by choice': ['x64-uefi', 'http-boot', 'grub', 'grub'],
  '32-bit UEFI has the signed chain alone': ['x86-uefi', 'firmware', 'ipxe', 'grub'],
  'ARM64 has the signed chain alone': ['arm64-uefi', 'firmware', undefined, 'grub'],
  "a Raspberry Pi's firmware loads the kernel, whatever was chosen": [
    'raspberry-pi',
    'firmware',
    'grub',
    'raspberry-pi'
  ],
  'U-Boot loads the kernel, whatever was chosen': ['u-boot', 'firmware', 'grub', 'u-boot'],
  'an iPXE in ROM goes on with iPXE': ['x64-uefi', 'ipxe', undefined, 'ipxe'],
  'an iPXE in ROM runs PXELINUX by choice': ['x86-bios', 'ipxe', 'pxelinux', 'pxelinux'],
  'an iPXE in ROM runs the signed chain by choice': ['x64-uefi', 'ipxe', 'grub', 'grub'],
  'an iPXE in ROM of a rare machine goes on with iPXE': ['arm32-uefi', 'ipxe', 'ipxe', 'ipxe']
}

for (const [sentence, [arch, stage, chosen, loader]] of Object.entries(LOADERS)) {
  t.test(sentence, async (t) => t.equal(loaderFor({ arch, stage }, chosen, {}), loader))
}

t.test("the configuration's default counts where nothing was chosen", async (t) => {
  const defaults = { 'x86-bios': 'pxelinux', 'x64-uefi': 'ipxe' } as const
  t.equal(loaderFor({ arch: 'x86-bios', stage: 'firmware' }, undefined, defaults), 'pxelinux')
  t.equal(loaderFor({ arch: 'x64-uefi', stage: 'firmware' }, 'grub', defaults), 'grub')
  t.equal(loaderFor({ arch: 'x64-uefi', stage: 'firmware' }, undefined, { 'x64-uefi': 'pxelinux' }), 'grub')
})

t.test('a loader is served by its name, or there is none', async (t) => {
  t.equal(loaderFile('x86-bios', 'ipxe'), 'ipxe/undionly.kpxe')
  t.equal(loaderFile('x86-bios', 'pxelinux'), 'pxelinux/lpxelinux.0')
  t.equal(loaderFile('x64-uefi', 'grub'), 'shimx64.efi')
  t.equal(loaderFile('x64-uefi', 'ipxe'), 'ipxe/ipxe.efi')
  t.equal(loaderFile('raspberry-pi', 'raspberry-pi'), 'start4.elf')
  t.equal(loaderFile('raspberry-pi', 'ipxe'), undefined)
  t.equal(loaderFile('u-boot', 'u-boot'), '')
  t.equal(archInWords('raspberry-pi'), 'a Raspberry Pi')
})
