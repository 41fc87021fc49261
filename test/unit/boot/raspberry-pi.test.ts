import t from 'tap'
import { piName } from '../../../server/boot/raspberry-pi.ts'

const NAMES: Record<string, ReturnType<typeof piName>> = {
  'start4.elf': { file: 'start4.elf', mac: undefined },
  'd83adda1/config.txt': { file: 'config.txt', mac: undefined },
  'D83ADDA1/config.txt': { file: 'config.txt', mac: undefined },
  '10000000d83adda1/kernel8.img': { file: 'kernel8.img', mac: undefined },
  'd8-3a-dd-00-00-01/cmdline.txt': { file: 'cmdline.txt', mac: 'd8:3a:dd:00:00:01' },
  'D8-3A-DD-00-00-01/bcm2711-rpi-4-b.dtb': { file: 'bcm2711-rpi-4-b.dtb', mac: 'd8:3a:dd:00:00:01' },
  'd83add/config.txt': undefined,
  'upstream/kernel8.img': undefined,
  'd83adda1/d83adda1/config.txt': undefined,
  'd83adda1/shimx64.efi': undefined,
  'd83adda1/': undefined,
  'recovery.elf': undefined,
  '': undefined
}

for (const [name, found] of Object.entries(NAMES)) {
  t.test(`${found === undefined ? 'nothing' : found.file} is asked for by ${name}`, async (t) => {
    t.same(piName(name), found)
  })
}
