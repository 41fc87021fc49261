import t from 'tap'
import { renderIpxe, renderIpxeIntroduction } from '../../../../server/boot/script/ipxe.ts'
import type { ImageScript } from '../../../../server/boot/script/script.ts'

const IMAGE: ImageScript = {
  kind: 'image',
  title: 'lab 1.0 for pc-07',
  origin: 'http://192.168.77.1',
  transport: 'http',
  kernel: 'blobs/sha256/aa',
  initrd: 'blobs/sha256/bb',
  words: ['BOOT=overlay', 'overlay.boot=abc', 'systemd.setenv=GREETING=good day', 'quiet'],
  lineOption: undefined
}

t.test(
  'an image script fetches kernel and initrd, again and again with longer pauses, and restarts in the end',
  async (t) => {
    t.equal(
      renderIpxe(IMAGE),
      `#!ipxe
echo rootcast: lab 1.0 for pc-07
set line BOOT=overlay overlay.boot=abc "systemd.setenv=GREETING=good day" quiet
set tries:int32 0
:fetch
kernel http://192.168.77.1/blobs/sha256/aa initrd=initrd \${line} || goto retry
initrd --name initrd http://192.168.77.1/blobs/sha256/bb || goto retry
boot || goto retry
:retry
imgfree ||
inc tries
iseq \${tries} 1 && set pause 1 ||
iseq \${tries} 2 && set pause 2 ||
iseq \${tries} 3 && set pause 4 ||
iseq \${tries} 4 && set pause 8 ||
iseq \${tries} 5 && set pause 16 ||
iseq \${tries} 6 && goto failed ||
echo rootcast: kernel or initrd did not come; trying again in \${pause} s
sleep \${pause} ||
goto fetch
:failed
echo rootcast: kernel and initrd could not be fetched; restarting. If this goes on, ask your administrator
sleep 30 ||
reboot
`
    )
  }
)

t.test('a line that DHCP gave is read from its option, with the line itself in case the option got lost', async (t) => {
  const script = renderIpxe({ ...IMAGE, lineOption: 224 })
  t.match(
    script,
    `set line \${224:string} ||
isset \${line} || set line BOOT=overlay overlay.boot=abc "systemd.setenv=GREETING=good day" quiet
`
  )
})

t.test('a line that one option can not hold is carried whole, for iPXE reads the first instance only', async (t) => {
  const words = ['BOOT=overlay', `long=${'x'.repeat(250)}`]
  const script = renderIpxe({ ...IMAGE, words, lineOption: 224 })
  t.match(script, `\nset line BOOT=overlay long=${'x'.repeat(250)}\n`)
  t.notMatch(script, '${224')
})

t.test('a local script goes on to the disk in the way that the firmware understands', async (t) => {
  t.equal(
    renderIpxe({ kind: 'local', arch: 'x86-bios' }),
    `#!ipxe
echo rootcast: this machine boots from its own disk
iseq \${platform} efi && exit 1 ||
sanboot --no-describe --drive 0x80 || exit 1
`
  )
})

t.test('a refusal is shown, and asked again after a minute', async (t) => {
  t.equal(
    renderIpxe({
      kind: 'refused',
      message: 'no image is assigned to host 52:54:00:12:34:56; ask your administrator',
      again: 'http://192.168.77.1:8080/boot.ipxe?mac=52:54:00:12:34:56'
    }),
    `#!ipxe
echo rootcast: no image is assigned to host 52:54:00:12:34:56; ask your administrator
echo rootcast: trying again in 60 seconds
sleep 60 ||
chain --replace --autofree http://192.168.77.1:8080/boot.ipxe?mac=52:54:00:12:34:56 ||
reboot
`
  )
})

t.test('a message can not end its command, begin a comment or be expanded', async (t) => {
  const message = `a ; reboot && b || c # d \${net0/mac} e\\`
  t.match(
    renderIpxe({ kind: 'refused', message, again: undefined }),
    "\necho rootcast: a ';' reboot '&&' b '||' c '#' d $ {net0/mac} e\\ .\n"
  )
})

t.test('an introduction has iPXE say who it is', async (t) => {
  t.equal(
    renderIpxeIntroduction('http://192.168.77.1/boot.ipxe'),
    `#!ipxe
set tries:int32 0
:ask
chain --replace --autofree http://192.168.77.1/boot.ipxe?mac=\${mac}&uuid=\${uuid}&arch=\${buildarch}&platform=\${platform} || goto again
:again
echo rootcast: the boot script did not come; trying again
inc tries
sleep \${tries}
iseq \${tries} 10 || goto ask
echo rootcast: giving up and restarting
reboot
`
  )
})
