// A machine for scripts/overlay made of files: /proc, /sys, a card, a server, and stubs that stand for commands. Time is a
// file too: `sleep` moves it, so that a minute of waiting takes a blink.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const HOOKS = path.join(import.meta.dirname, '../../initrd-hooks')

/** Both shells that an initramfs may have, each with the tools that come with it. */
export const SHELLS = ['dash', 'busybox'] as const
export type Shell = (typeof SHELLS)[number]

export const MAC = '52:54:00:aa:bb:cc'
const SERVER = 'http://192.0.2.1'
export const BOOT = `${SERVER}/boots/abcdefgh12345678`
export const ARGUMENTS = [
  'BOOT=overlay',
  `overlay.layers=${BOOT}/layers`,
  'overlay.boot=abcdefgh12345678',
  `overlay.checkin=${BOOT}/checkins`,
  'BOOTIF=01-52-54-00-aa-bb-cc',
  'ip=192.0.2.50:192.0.2.1:192.0.2.254:255.255.255.0:client12::off:192.0.2.53::'
]

const APPLETS = 'cat cut head ls ln mkdir rm sha256sum sh tail tr wc'.split(' ')

export interface Outcome {
  readonly output: string
  /** 0: booted; 9: stopped at the last panic allowed. */
  readonly exitCode: number | null
}

export class Sandbox {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
    for (const place of ['proc', 'sys/class/net', 'run', 'root/etc', 'bin', 'applets', 'server', 'run-systemd']) {
      mkdirSync(path.join(dir, place), { recursive: true })
    }
    for (const applet of APPLETS) symlinkSync('/bin/busybox', path.join(dir, 'applets', applet))
    for (const [name, body] of Object.entries(STUBS)) this.stub(name, body)
    this.write('proc/cmdline', `${ARGUMENTS.join(' ')}\n`)
    this.memory(1000)
    this.write('proc/uptime', '5.25 7.00\n')
    this.write('proc/mounts', 'rootfs / rootfs rw 0 0\n')
    this.card('lo', '00:00:00:00:00:00')
    this.card('ens3', MAC)
    this.write('root/etc/hosts', '127.0.0.1\tlocalhost\n')
  }

  write(file: string, text: string | Buffer): void {
    mkdirSync(path.dirname(path.join(this.dir, file)), { recursive: true })
    writeFileSync(path.join(this.dir, file), text)
  }

  read(file: string): string {
    const at = path.join(this.dir, file)
    return existsSync(at) ? readFileSync(at, 'utf8') : ''
  }

  lines(file: string): string[] {
    return this.read(file).split('\n').filter(Boolean)
  }

  stub(name: string, body: string): void {
    this.write(`bin/${name}`, `#!/bin/sh\n${body}\n`)
    chmodSync(path.join(this.dir, 'bin', name), 0o755)
  }

  memory(availableMb: number, totalMb = 1024): void {
    const kib = (mb: number) => Math.floor((mb * 1_000_000) / 1024)
    this.write('proc/meminfo', `MemTotal: ${kib(totalMb)} kB\nMemAvailable: ${kib(availableMb)} kB\n`)
  }

  card(name: string, mac: string): void {
    this.write(`sys/class/net/${name}/address`, `${mac}\n`)
    this.write(`sys/class/net/${name}/carrier`, '1\n')
  }

  /** Puts layers on the server, bottom first, and their list; gives their digests. */
  layers(...contents: readonly string[]): string[] {
    const digests = contents.map((content) => {
      const digest = createHash('sha256').update(content).digest('hex')
      this.write(`server/blobs/sha256/${digest}`, content)
      return digest
    })
    const list = contents.map((content, i) => `${digests[i]} ${content.length} blobs/sha256/${digests[i]}\n`)
    this.write('server/boots/abcdefgh12345678/layers', list.join(''))
    return digests
  }

  /** Runs `script` in this machine, where scripts/overlay and its library are loaded and nothing is set up yet. */
  run(shell: Shell, script: string, settings: Readonly<Record<string, string>> = {}): Outcome {
    const at = (place: string) => path.join(this.dir, place)
    const [command, args, tools] =
      shell === 'dash' ? ['/bin/dash', [], '/usr/bin:/bin'] : ['/bin/busybox', ['sh'], at('applets')]
    const program = `${PRELUDE}\n. "${HOOKS}/scripts/overlay"\n${script}\n`
    const ended = spawnSync(command, [...args, '-c', program], {
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        PATH: `${at('bin')}:${tools}`,
        SANDBOX: this.dir,
        OVERLAY_LIB: path.join(HOOKS, 'lib/overlay'),
        overlay_proc: at('proc'),
        overlay_sys: at('sys'),
        overlay_run: at('run/overlay'),
        overlay_systemd: at('run-systemd'),
        rootmnt: at('root'),
        ...settings
      }
    })
    return { output: ended.stdout + ended.stderr, exitCode: ended.status }
  }

  /** The whole boot; `allowed` panics are left by the operator, the next one ends it. */
  boot(shell: Shell, allowed = 0, settings: Readonly<Record<string, string>> = {}): Outcome {
    return this.run(shell, `panics_allowed=${allowed}\nmountroot\necho BOOTED`, settings)
  }

  /** First line of each check-in, in the order in which they came. */
  checkIns(): string[] {
    return this.lines('checkins')
      .filter((line) => line.startsWith('> '))
      .map((line) => line.slice(2))
  }
}

/** What initramfs-tools' scripts/functions would have defined. `on-panic` is what the operator does in the shell. */
const PRELUDE = `
panics=0
panic()
{
	echo "PANIC $*"
	panics=$((panics + 1))
	[ "$panics" -le "$panics_allowed" ] || exit 9
	[ ! -f "$SANDBOX/on-panic" ] || sh "$SANDBOX/on-panic"
}
run_scripts()
{
	echo "RUN $1"
}`

const STUBS: Readonly<Record<string, string>> = {
  // Moves the clock, and lets the others have a moment.
  sleep: `read -r up rest <"$SANDBOX/proc/uptime"
echo "$((\${up%%.*} + $1)).00 0" >"$SANDBOX/proc/uptime"
echo "$1" >>"$SANDBOX/sleeps"
exec /bin/busybox usleep 30000`,
  timeout: 'shift; exec "$@"',
  modprobe: 'echo "modprobe $*" >>"$SANDBOX/calls"',
  // `addresses` is what a card shows: a line at each look, and the last one from then on.
  ip: `echo "ip $*" >>"$SANDBOX/calls"
case $* in
*show*)
	[ -f "$SANDBOX/addresses" ] || exit 0
	read -r shown <"$SANDBOX/addresses"
	echo "$shown"
	tail -n +2 "$SANDBOX/addresses" >"$SANDBOX/addresses.new"
	[ ! -s "$SANDBOX/addresses.new" ] || cat "$SANDBOX/addresses.new" >"$SANDBOX/addresses"
	;;
esac`,
  mount: `echo "mount $*" >>"$SANDBOX/calls"
case $* in *remount*) exit 0 ;; esac
while [ $# -gt 2 ]; do shift; done
echo "$1 $2 x x 0 0" >>"$SANDBOX/proc/mounts"`,
  umount: `echo "umount $*" >>"$SANDBOX/calls"
while read -r source place rest; do
	[ "$place" = "$1" ] || echo "$source $place $rest"
done <"$SANDBOX/proc/mounts" >"$SANDBOX/proc/mounts.new"
cat "$SANDBOX/proc/mounts.new" >"$SANDBOX/proc/mounts"`,
  losetup: `echo "losetup $*" >>"$SANDBOX/calls"
[ "$1" != -f ] || { echo x >>"$SANDBOX/loops"; echo "/dev/loop$(wc -l <"$SANDBOX/loops" | tr -d ' ')"; }`,
  udhcpc: `echo "udhcpc $*" >>"$SANDBOX/calls"
[ -f "$SANDBOX/lease" ] || exit 1
cat "$SANDBOX/lease" >"$overlay_lease"`,
  tftp: `echo "tftp $*" >>"$SANDBOX/calls"
while [ $# -gt 0 ]; do
	case $1 in
	-l) file=$2; shift ;;
	-r) name=$2; shift ;;
	esac
	shift
done
[ -f "$SANDBOX/server/$name" ] || { echo "tftp: server error: (1) File not found" >&2; exit 1; }
cat "$SANDBOX/server/$name" >"$file"`,
  // A file \`<name>.cut\` on the server cuts the next answer after so many bytes; \`<name>.hang\` gives nothing at all.
  wget: `echo "wget $*" >>"$SANDBOX/calls"
post='' resume=''
while [ $# -gt 0 ]; do
	case $1 in
	-O) file=$2; shift ;;
	-c) resume=y ;;
	--post-file) post=$2; shift ;;
	http://*) url=$1 ;;
	esac
	shift
done
name=\${url#http://*/}
if [ -n "$post" ]; then
	[ ! -f "$SANDBOX/deaf" ] || exit 1
	first=y
	while read -r line; do
		[ -z "$first" ] && echo "$line" || echo "> $line"
		first=''
	done <"$post" >>"$SANDBOX/checkins"
	exit 0
fi
answer=$SANDBOX/server/$name
[ ! -f "$answer.hang" ] || { rm "$answer.hang"; exec /bin/busybox sleep 30; }
[ -f "$answer" ] || { echo "wget: server returned error: HTTP/1.1 404 Not Found" >&2; exit 1; }
from=1
[ -z "$resume" ] || [ ! -f "$file" ] || from=$(($(wc -c <"$file") + 1))
tail -c "+$from" "$answer" | if [ -f "$answer.cut" ]; then head -c "$(cat "$answer.cut")"; else cat; fi >>"$file"
[ ! -f "$answer.cut" ] || { rm "$answer.cut"; echo "wget: connection closed prematurely" >&2; exit 1; }`
}
