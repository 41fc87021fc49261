// The script that makes a freshly installed root into one for diskless machines. mmdebstrap runs it with the root's
// path as its argument, while /proc, /sys and /dev are mounted there.
import type { Recipe } from './recipe.ts'

export interface CustomizeInput {
  readonly recipe: Recipe
  /** Holds the content of the recipe's files, named by their place in the list. */
  readonly filesDir: string
  readonly hooksDir: string
  /** What the root's own apt shall use, other than the build did. */
  readonly sourcesList: string
  /** Where kernel and initrd are put. */
  readonly outDir: string
}

/** Quoted for sh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Pure. */
export function customizeScript(input: CustomizeInput): string {
  const { recipe } = input
  return [
    '#!/bin/sh',
    'set -eu',
    'root=$1',
    'say() { printf \'I: rootcast %s\\n\' "$*" >&2; }',
    'say customize',
    'rm "$root/usr/sbin/update-initramfs"',
    'chroot "$root" dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs',
    ...disklessRoot(input),
    ...recipe.users.flatMap(userCommands),
    ...autologinCommands(recipe),
    ...recipe.files.map(
      ({ path, mode = '0644' }, i) =>
        `install -D -m ${mode} -o 0 -g 0 -- ${quote(`${input.filesDir}/${i}`)} "$root"${quote(path)}`
    ),
    ...recipe.services.enable.map((unit) => `chroot "$root" systemctl enable -- ${quote(unit)}`),
    ...recipe.services.disable.map((unit) => `chroot "$root" systemctl disable -- ${quote(unit)}`),
    ...recipe.customize.map((command) => `chroot "$root" /bin/sh -euc ${quote(command)}`),
    ...initramfsCommands(input),
    ...leftovers(),
    ''
  ].join('\n')
}

/** Runs before any package that would make an initramfs: one is enough, and ours comes at the end. */
export function essentialScript(): string {
  return [
    '#!/bin/sh',
    'set -eu',
    'chroot "$1" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs',
    'ln -s /bin/true "$1/usr/sbin/update-initramfs"',
    ''
  ].join('\n')
}

function put(path: string, text: string): string {
  return `mkdir -p "$root"${quote(path.slice(0, path.lastIndexOf('/')) || '/')}\nprintf %s ${quote(text)} >"$root"${quote(path)}`
}

/** Units that tend a system which lives on a disk for years. */
const FOR_DISKS = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'man-db.timer'
]

const SSH_HOST_KEYS = `# The image has no host keys: each boot makes its own.
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
`

function disklessRoot({ recipe, hooksDir, sourcesList }: CustomizeInput): string[] {
  return [
    put('/etc/fstab', '# Diskless: the initramfs mounts /, and there is nothing else to mount or to wait for.\n'),
    put('/etc/hostname', `${recipe.hostname}\n`),
    put(
      '/etc/hosts',
      `127.0.0.1\tlocalhost\n127.0.1.1\t${recipe.hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`
    ),
    '[ -L "$root/etc/resolv.conf" ] || : >"$root/etc/resolv.conf"',
    put('/etc/apt/sources.list', sourcesList),
    'rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/etc/apt/sources.list.d/*mmdebstrap*',
    put('/etc/initramfs-tools/conf.d/resume', 'RESUME=none\n'),
    put('/etc/systemd/journald.conf.d/volatile.conf', '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n'),
    `if [ -x "$root/usr/sbin/sshd" ]; then\n${put('/etc/systemd/system/ssh.service.d/host-keys.conf', SSH_HOST_KEYS)}\nfi`,
    `for part in hooks scripts conf.d conf-hooks.d lib; do\ncp -rT --no-preserve=timestamps ${quote(hooksDir)}/"$part" "$root/usr/share/initramfs-tools/$part"\ndone`,
    `install -D -m 0755 ${quote(`${hooksDir}/system/up`)} "$root/usr/lib/overlay/up"`,
    `install -D -m 0644 ${quote(`${hooksDir}/system/overlay-up.service`)} "$root/usr/lib/systemd/system/overlay-up.service"`,
    'chroot "$root" systemctl enable systemd-networkd.service overlay-up.service',
    `for unit in ${FOR_DISKS.join(' ')}; do\n[ ! -e "$root/usr/lib/systemd/system/$unit" ] || chroot "$root" systemctl disable "$unit"\ndone`
  ]
}

function userCommands({
  name,
  fullName,
  groups = [],
  shell = '/bin/bash',
  passwordHash
}: Recipe['users'][number]): string[] {
  return [
    `chroot "$root" useradd --create-home --shell ${quote(shell)} --comment ${quote(fullName ?? '')} -- ${quote(name)}`,
    ...groups.map((group) => `chroot "$root" usermod --append --groups ${quote(group)} -- ${quote(name)}`),
    ...(passwordHash === undefined
      ? []
      : [`chroot "$root" usermod --password ${quote(passwordHash)} -- ${quote(name)}`])
  ]
}

function autologinCommands({ autologin }: Recipe): string[] {
  const { serial, console: screen, lightdm } = autologin
  return [
    ...(serial === undefined ? [] : [gettyAutologin('serial-getty@', serial, '--keep-baud 115200,57600,38400,9600 -')]),
    ...(screen === undefined ? [] : [gettyAutologin('getty@', screen, '--noclear %I')]),
    ...(lightdm === undefined
      ? []
      : [put('/etc/lightdm/lightdm.conf.d/50-autologin.conf', `[Seat:*]\nautologin-user=${lightdm}\n`)])
  ]
}

function gettyAutologin(unit: string, user: string, options: string): string {
  return put(
    `/etc/systemd/system/${unit}.service.d/autologin.conf`,
    `[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin ${user} ${options} $TERM\n`
  )
}

function initramfsCommands({ recipe, outDir }: CustomizeInput): string[] {
  const { modules, compression, level } = recipe.initramfs
  const levelLine = level === undefined ? '' : `COMPRESSLEVEL=${level}\n`
  return [
    'say initramfs',
    put('/etc/initramfs-tools/conf.d/rootcast', `MODULES=${modules}\nCOMPRESS=${compression}\n${levelLine}`),
    'set -- "$root"/boot/vmlinuz-*',
    '[ $# -eq 1 ] || { echo "E: expected one kernel in /boot, found: $*" >&2; exit 1; }',
    'release=$(basename "$1" | cut -d - -f 2-)',
    'chroot "$root" mkinitramfs -o /boot/initrd "$release"',
    `mv "$root/boot/initrd" ${quote(`${outDir}/initrd`)}`,
    `mv "$1" ${quote(`${outDir}/kernel`)}`,
    'rm -f "$root"/boot/initrd.img-* "$root"/vmlinuz "$root"/vmlinuz.old "$root"/initrd.img "$root"/initrd.img.old',
    `chroot "$root" dpkg-query --show --showformat '\${Package} \${Architecture} \${Version}\\n' >${quote(`${outDir}/packages`)}`
  ]
}

/** What differs between two builds, and what no machine may share with another. */
function leftovers(): string[] {
  return [
    'rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub',
    ': >"$root/etc/machine-id"',
    'rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed" "$root/etc/.pwd.lock"',
    'rm -f "$root"/etc/passwd- "$root"/etc/shadow- "$root"/etc/group- "$root"/etc/gshadow- "$root"/etc/subuid- "$root"/etc/subgid-',
    'rm -f "$root"/var/cache/ldconfig/aux-cache "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old',
    'rm -rf "$root"/var/cache/fontconfig/* "$root"/var/cache/man/*',
    'find "$root/var/log" -type f -delete'
  ]
}
