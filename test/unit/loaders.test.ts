import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loaderFile } from '../../server/boot/loader.ts'
import { findLoaders, LOADER_SOURCES, type LoaderSource } from '../../server/loaders.ts'

t.test('what is there is served by its name, and what is not names its package', async (t) => {
  const dir = t.testdir({ 'a.efi': 'four', folder: {} })
  const source = (name: string, file: string, debianPackage: string, optional = false): LoaderSource => ({
    name,
    path: join(dir, file),
    package: debianPackage,
    optional
  })
  const { files, missingPackages } = await findLoaders([
    source('served.efi', 'a.efi', 'one'),
    source('b.efi', 'b.efi', 'two'),
    source('c.efi', 'c.efi', 'two'),
    source('folder.efi', 'folder', 'three'),
    source('under.efi', 'a.efi/under', 'four'),
    source('arm.efi', 'arm.efi', 'five', true)
  ])
  t.same([...files.keys()], ['served.efi'])
  t.match(files.get('served.efi'), { path: join(dir, 'a.efi'), sizeBytes: 4 })
  t.same(missingPackages, ['two', 'three', 'four'])
})

t.test('a link is the file behind it, as Debian links ipxe.efi', async (t) => {
  const dir = t.testdir({})
  await mkdir(join(dir, 'boot'))
  await writeFile(join(dir, 'boot/ipxe.efi'), 'bytes')
  await symlink(join(dir, 'boot/ipxe.efi'), join(dir, 'ipxe.efi'))
  const { files } = await findLoaders([
    { name: 'ipxe/ipxe.efi', path: join(dir, 'ipxe.efi'), package: 'ipxe', optional: false }
  ])
  t.equal(files.get('ipxe/ipxe.efi')?.sizeBytes, 5)
})

t.test('every loader that a PC can be sent has its source, with what it asks for next', async (t) => {
  const names = LOADER_SOURCES.map(({ name }) => name)
  t.same(names, [...new Set(names)], 'once each')
  for (const arch of ['x86-bios', 'x64-uefi'] as const) {
    for (const loader of ['ipxe', 'pxelinux', 'grub'] as const) {
      const file = loaderFile(arch, loader)
      if (file !== undefined) t.ok(names.includes(file), file)
    }
  }
  for (const next of ['start4.elf', 'fixup4.dat', 'bootcode.bin', 'bcm2711-rpi-4-b.dtb']) {
    t.match(
      LOADER_SOURCES.find(({ name }) => name === next),
      { path: `/usr/lib/raspi-firmware/${next}`, package: 'raspi-firmware', optional: true }
    )
  }
  for (const next of ['grubx64.efi', 'pxelinux/ldlinux.c32', 'pxelinux/reboot.c32']) t.ok(names.includes(next), next)
})
