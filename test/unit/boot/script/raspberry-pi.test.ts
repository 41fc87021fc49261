import t from 'tap'
import { renderPiCommandLine, renderPiConfig } from '../../../../server/boot/script/raspberry-pi.ts'
import type { BootScript } from '../../../../server/boot/script/script.ts'

const IMAGE: BootScript = {
  kind: 'image',
  title: 'lab 1.0 for pi-07',
  origin: 'http://192.168.77.1:8080',
  transport: 'http',
  kernel: 'blobs/sha256/aa',
  initrd: 'blobs/sha256/bb',
  words: ['BOOT=overlay', 'systemd.setenv=GREETING=good day', 'quiet'],
  lineOption: undefined
}

t.test('an image: config.txt names kernel and initrd, cmdline.txt is the line', async (t) => {
  t.equal(
    renderPiConfig(IMAGE),
    `arm_64bit=1
upstream_kernel=1
kernel=kernel8.img
initramfs initrd.img followkernel
`
  )
  t.equal(renderPiCommandLine(IMAGE), 'BOOT=overlay "systemd.setenv=GREETING=good day" quiet\n')
})

t.test('without an image there is neither', async (t) => {
  const others: readonly BootScript[] = [
    { kind: 'local', arch: 'raspberry-pi' },
    { kind: 'refused', message: 'there is no image lab', again: undefined }
  ]
  for (const script of others) {
    t.equal(renderPiConfig(script), undefined)
    t.equal(renderPiCommandLine(script), undefined)
  }
})
