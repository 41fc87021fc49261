import { spawnSync } from 'node:child_process'
import t from 'tap'
import { customizeScript, essentialScript, quote } from '../../../server/image-build/customize-script.ts'
import { parseRecipe } from '../../../server/image-build/recipe.ts'

const recipe = parseRecipe(
  `name: a
suite: bookworm
kernel: linux-image-amd64
hostname: room-1
users:
  - name: student
    groups: [audio]
    fullName: It's $(me)
autologin: { serial: root, lightdm: student }
files:
  - { path: "/etc/a b", text: hello, mode: "0600" }
services: { enable: [ssh.service] }
customize:
  - echo "it's $HOME"
initramfs: { modules: list, level: 3 }
`,
  'a'
)
const script = customizeScript({
  recipe,
  filesDir: '/build/files',
  hooksDir: '/hooks',
  sourcesList: 'deb http://deb.debian.org/debian bookworm main\n',
  outDir: '/build/parts'
})

t.test('what is quoted reaches the shell as it was', async (t) => {
  for (const text of ['plain', "it's", '$(reboot) `x` "y" \\', 'two\nlines', '']) {
    t.equal(spawnSync('sh', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' }).stdout, text)
  }
})

t.test('it is shell that dash can read', async (t) => {
  for (const text of [script, essentialScript()]) {
    const read = spawnSync('dash', ['-n'], { input: text, encoding: 'utf8' })
    t.equal(read.status, 0, read.stderr)
  }
})

t.test("the recipe's own wishes are in it, quoted", async (t) => {
  t.match(script, `install -D -m 0600 -o 0 -g 0 -- '/build/files/0' "$root"'/etc/a b'`)
  t.match(script, `useradd --create-home --shell '/bin/bash' --comment 'It'\\''s $(me)' -- 'student'`)
  t.match(script, `chroot "$root" systemctl enable -- 'ssh.service'`)
  t.match(script, `chroot "$root" /bin/sh -euc 'echo "it'\\''s $HOME"'`)
  t.match(script, 'agetty --autologin root')
  t.match(script, 'autologin-user=student')
  t.match(script, 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\n')
})

t.test('a root without a disk, and nothing that machines may not share', async (t) => {
  t.match(script, 'RESUME=none')
  t.match(script, 'Storage=volatile')
  t.match(script, ': >"$root/etc/machine-id"')
  t.match(script, 'rm -f "$root"/etc/ssh/ssh_host_*_key')
  t.match(script, 'ssh-keygen -A')
  t.notMatch(/^\S+\s+\/\s/m.exec(script)?.[0] ?? '', 'an fstab line for /')
  t.ok(script.indexOf('machine-id"') > script.indexOf('mkinitramfs'), 'the traces of the build go last')
})
