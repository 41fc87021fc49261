import t from 'tap'
import { renderGrub, renderGrubIntroduction } from '../../../../server/boot/script/grub.ts'

t.test('an image is loaded from where GRUB came from, again and again with longer pauses', async (t) => {
  t.equal(
    renderGrub({
      kind: 'image',
      title: 'lab 1.0 for pc-07',
      origin: 'http://192.168.77.1',
      transport: 'http',
      kernel: 'blobs/sha256/aa',
      initrd: 'blobs/sha256/bb',
      words: ['BOOT=overlay', 'systemd.setenv=GREETING=good day', 'price=$5;'],
      lineOption: 224
    }),
    `echo 'rootcast: lab 1.0 for pc-07'
for pause in 1 2 4 8 16; do
  if linux /blobs/sha256/aa 'BOOT=overlay' 'systemd.setenv=GREETING=good day' 'price=$5;'; then
    if initrd /blobs/sha256/bb; then
      boot
    fi
  fi
  echo "rootcast: kernel or initrd did not come; trying again in \${pause} s"
  sleep \${pause}
done
echo 'rootcast: kernel and initrd could not be fetched; restarting. If this goes on, ask your administrator'
sleep 30
reboot
`
  )
})

t.test("a machine that boots locally is given its disk's own loader", async (t) => {
  t.equal(
    renderGrub({ kind: 'local', arch: 'x64-uefi' }),
    `echo 'rootcast: this machine boots from its own disk'
for loader in /EFI/Microsoft/Boot/bootmgfw.efi /EFI/debian/shimx64.efi /EFI/ubuntu/shimx64.efi /EFI/fedora/shimx64.efi /EFI/BOOT/BOOTX64.EFI; do
  if search --no-floppy --set=root --file \${loader}; then
    chainloader \${loader}
    boot
  fi
done
exit
`
  )
})

t.test('a refusal stays on the screen for a minute, and a quote in it stays one', async (t) => {
  t.equal(
    renderGrub({ kind: 'refused', message: "there's no image; reboot", again: undefined }),
    `echo 'rootcast: there'\\''s no image; reboot'
echo 'rootcast: restarting in 60 seconds'
sleep 60
reboot
`
  )
})

t.test('a stranger is asked for its MAC', async (t) => {
  t.equal(renderGrubIntroduction(), `configfile "/grub/grub.cfg-01-\${net_default_mac}"\n`)
})
