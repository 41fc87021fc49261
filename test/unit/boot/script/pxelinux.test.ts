import t from 'tap'
import { renderPxelinux } from '../../../../server/boot/script/pxelinux.ts'

t.test('an image is booted at once, and tried again when it did not load', async (t) => {
  t.equal(
    renderPxelinux({
      kind: 'image',
      title: 'lab 1.0 for pc-07',
      origin: 'http://192.168.77.1:8080',
      transport: 'http',
      kernel: 'blobs/sha256/aa',
      initrd: 'blobs/sha256/bb',
      words: ['BOOT=overlay', 'systemd.setenv=GREETING=good day', 'quiet'],
      lineOption: 224
    }),
    `SAY rootcast: lab 1.0 for pc-07
DEFAULT image
PROMPT 0
TIMEOUT 50
LABEL image
  LINUX http://192.168.77.1:8080/blobs/sha256/aa
  INITRD http://192.168.77.1:8080/blobs/sha256/bb
  APPEND BOOT=overlay "systemd.setenv=GREETING=good day" quiet
`
  )
})

t.test('a machine that boots locally is handed back to its BIOS', async (t) => {
  t.equal(
    renderPxelinux({ kind: 'local', arch: 'x86-bios' }),
    `SAY rootcast: this machine boots from its own disk
DEFAULT local
PROMPT 0
LABEL local
  LOCALBOOT 0
`
  )
})

t.test('a refusal stays on the screen for a minute', async (t) => {
  t.equal(
    renderPxelinux({ kind: 'refused', message: 'there is no image lab\nDEFAULT evil', again: undefined }),
    `SAY rootcast: there is no image lab?DEFAULT evil
SAY rootcast: restarting in 60 seconds
DEFAULT restart
PROMPT 1
TIMEOUT 600
LABEL restart
  COM32 reboot.c32
`
  )
})
