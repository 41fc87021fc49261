import t from 'tap'
import { normaliseName } from '../../../server/tftp/names.ts'

const names: readonly (readonly [string, string])[] = [
  ['shimx64.efi', 'shimx64.efi'],
  ['/shimx64.efi', 'shimx64.efi'],
  ['//pxelinux//pxelinux.cfg///default', 'pxelinux/pxelinux.cfg/default'],
  ['\\EFI\\BOOT\\bootx64.efi', 'EFI/BOOT/bootx64.efi'],
  ['./a/./b', 'a/b'],
  ['a/', 'a'],
  ['..a/b..', '..a/b..'],
  ['grub/grub.cfg-01-52-54-00-12-34-56', 'grub/grub.cfg-01-52-54-00-12-34-56']
]
for (const [raw, name] of names) {
  t.test(`T18: ${raw} is ${name}`, async (t) => {
    t.same(normaliseName(raw), { kind: 'name', name })
  })
}

const refused = ['../etc/passwd', 'a/../../b', '..', '\\..\\x', 'a\\..', 'x\0y', 'x\ny', `${'n/'.repeat(300)}`]
for (const raw of refused) {
  t.test(`T18: ${JSON.stringify(raw.slice(0, 20))} is refused`, async (t) => {
    t.equal(normaliseName(raw).kind, 'refused')
  })
}

for (const raw of ['', '/', '//', './.']) {
  t.test(`${JSON.stringify(raw)} names nothing`, async (t) => {
    t.same(normaliseName(raw), { kind: 'empty' })
  })
}
