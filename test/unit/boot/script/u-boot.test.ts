import t from 'tap'
import { renderUBoot } from '../../../../server/boot/script/u-boot.ts'

t.test('an image is fetched by TFTP, whatever brings its layers', async (t) => {
  t.equal(
    renderUBoot({
      kind: 'image',
      title: 'lab 1.0 for pc-07',
      origin: 'http://192.168.77.1:8080',
      transport: 'http',
      kernel: 'blobs/sha256/aa',
      initrd: 'blobs/sha256/bb',
      words: ['BOOT=overlay', 'systemd.setenv=GREETING=good day', 'quiet'],
      lineOption: undefined
    }),
    `DEFAULT image
LABEL image
  MENU LABEL rootcast: lab 1.0 for pc-07
  LINUX blobs/sha256/aa
  INITRD blobs/sha256/bb
  APPEND BOOT=overlay "systemd.setenv=GREETING=good day" quiet
`
  )
})

t.test(
  'a machine that boots locally, and one that is refused, are told so by an entry that boots nothing',
  async (t) => {
    t.equal(
      renderUBoot({ kind: 'local', arch: 'u-boot' }),
      'DEFAULT local\nLABEL local\n  MENU LABEL rootcast: this machine boots from its own disk\n'
    )
    t.equal(
      renderUBoot({ kind: 'refused', message: 'there is no image lab\nLINUX evil', again: undefined }),
      'DEFAULT refused\nLABEL refused\n  MENU LABEL rootcast: there is no image lab?LINUX evil\n'
    )
  }
)
