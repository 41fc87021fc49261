// scripts/overlay and its library, run under both shells with the outside world stubbed.
import { rmSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { ARGUMENTS, BOOT, HOOKS, MAC, Sandbox, SHELLS, type Shell } from './sandbox.ts'

const SHORT = { TRANSFER_ATTEMPTS: '3', TRANSFER_STALL_S: '4' }

function inBoth(name: string, body: (t: Test, sandbox: Sandbox, shell: Shell) => void): void {
  for (const shell of SHELLS) {
    t.test(`${name} (${shell})`, async (t) => body(t, new Sandbox(t.testdir()), shell))
  }
}

function arguments_(...changes: readonly string[]): string {
  const names = changes.map((change) => change.split('=')[0])
  return [...ARGUMENTS.filter((word) => !names.includes(word.split('=')[0])), ...changes].join(' ')
}

inBoth('a boot from one layer reaches its end and tells each step', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('bottom layer')
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0, output)
  t.match(output, /BOOTED/)
  t.same(sandbox.checkIns(), [
    ...['arguments started', 'arguments ok', 'network started', 'network ok', 'layers started', 'layers ok'],
    ...['verify started', 'verify ok', 'mount started', 'mount ok', 'overlay started', 'overlay ok'],
    ...['handover started', 'handover ok']
  ])
  const run = path.join(sandbox.dir, 'run/overlay')
  t.match(sandbox.lines('calls'), [
    /^ip link set dev ens3 up$/,
    /^ip addr flush dev ens3$/,
    /^ip addr add 192\.0\.2\.50\/24 broadcast \+ dev ens3$/,
    /^ip route add default via 192\.0\.2\.254 dev ens3$/
  ])
  t.notMatch(sandbox.read('calls'), /udhcpc/, 'the lease is used as it is')
  t.match(sandbox.read('calls'), `losetup -r /dev/loop1 ${run}/layers/${digest}`)
  t.match(sandbox.read('calls'), `mount -t squashfs -o ro /dev/loop1 ${run}/lower\n`)
  t.match(sandbox.read('calls'), `mount -t tmpfs -o size=50%,mode=0755 overlay-upper ${run}/tmpfs\n`)
  t.match(
    sandbox.read('calls'),
    `mount -t overlay -o lowerdir=${run}/lower,upperdir=${run}/tmpfs/upper,workdir=${run}/tmpfs/work overlay ${sandbox.dir}/root\n`
  )
})

inBoth('the four entry points are all ours', (t, sandbox, shell) => {
  const { output } = sandbox.run(shell, 'mount_top; mount_premount; mount_bottom')
  t.equal(output, 'RUN /scripts/overlay-top\nRUN /scripts/overlay-premount\nRUN /scripts/overlay-bottom\n')
})

inBoth('a failed step panics with step and reason, then the whole chain starts again', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('bottom layer')
  const name = `server/blobs/sha256/${digest}`
  const content = sandbox.read(name)
  rmSync(path.join(sandbox.dir, name))
  sandbox.write('on-panic', `printf %s '${content}' >"$SANDBOX/${name}"\n`)
  const { output, exitCode } = sandbox.boot(shell, 1, SHORT)
  t.equal(exitCode, 0, output)
  const url = `http://192.0.2.1/blobs/sha256/${digest}`
  t.match(
    output,
    `PANIC overlay: step layers failed: cannot get ${url} in 3 attempts: wget: server returned error: HTTP/1.1 404 Not Found\n`
  )
  const steps = sandbox.checkIns().filter((line) => !line.includes('progress'))
  const failed = steps.indexOf('layers failed')
  t.same(steps.slice(0, failed + 1).slice(-2), ['layers started', 'layers failed'])
  t.same(steps.slice(failed + 1).slice(0, 2), ['arguments started', 'arguments ok'], 'from the beginning')
  t.equal(steps.at(-1), 'handover ok')
  t.notMatch(output.slice(0, output.indexOf('PANIC')), /mount:|verify:/, 'no step after the failed one ran')
})

inBoth('a failure is reported with its reason and the tail of the log before panic', (t, sandbox, shell) => {
  sandbox.write('proc/cmdline', arguments_('overlay.layers=http://192.0.2.1/nothing'))
  const { exitCode } = sandbox.boot(shell, 0, SHORT)
  t.equal(exitCode, 9)
  const report = sandbox.read('checkins').split('> layers failed\n')[1]
  t.match(report, /^cannot get http:\/\/192\.0\.2\.1\/nothing in 3 attempts: wget: server returned error/)
  t.match(report, 'network: ens3 192.0.2.50/24', 'the log')
})

inBoth('too little memory is found before a byte of a layer is fetched, and said in words', (t, sandbox, shell) => {
  sandbox.layers('x'.repeat(3_000_000))
  sandbox.memory(150, 256)
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 9)
  t.match(output, /step layers failed: not enough memory: needs 205 MB, has 150 MB free of 256 MB \(layers 3 MB, /)
  t.notMatch(sandbox.read('calls'), /blobs\/sha256/)
})

inBoth('a corrupt layer is refused, said, thrown away and fetched anew by the next attempt', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('good bytes')
  sandbox.write(`server/blobs/sha256/${digest}`, 'evil bytes')
  sandbox.write('on-panic', `printf %s 'good bytes' >"$SANDBOX/server/blobs/sha256/${digest}"\n`)
  const { output, exitCode } = sandbox.boot(shell, 1)
  t.equal(exitCode, 0, output)
  t.match(output, new RegExp(`step verify failed: layer 1 of 1 is corrupt: its sha256 is [0-9a-f]{64}, not ${digest}`))
  t.equal(sandbox.read(`run/overlay/layers/${digest}`), 'good bytes')
})

inBoth('a download that was cut is resumed where it stopped', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('first half, second half')
  sandbox.write(`server/blobs/sha256/${digest}.cut`, '11')
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0, output)
  t.match(output, /attempt 2 of 8 in 1 s/)
  t.match(output, `overlay: resuming at 1 of 1 MB\n`)
  t.equal(sandbox.read(`run/overlay/layers/${digest}`), 'first half, second half')
})

inBoth('a connection that has gone quiet is given up and tried again', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('bytes')
  sandbox.write(`server/blobs/sha256/${digest}.hang`, '')
  const { output, exitCode } = sandbox.boot(shell, 0, SHORT)
  t.equal(exitCode, 0, output)
  t.match(output, /no byte for 4 s: attempt 2 of 3/)
})

inBoth('retries are bounded and their pauses grow', (t, sandbox, shell) => {
  const { exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 9)
  const pauses = sandbox.lines('sleeps').map(Number)
  t.same(pauses, [1, 2, 4, 8, 16, 16, 16])
  t.ok(pauses.reduce((sum, pause) => sum + pause) >= 60, 'longer than a switch takes to forward')
})

inBoth('a layer longer than announced is refused', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('short')
  sandbox.write(`server/blobs/sha256/${digest}`, 'rather longer')
  const { output } = sandbox.boot(shell)
  t.match(output, /PANIC overlay: step layers failed: .* is longer than the 5 bytes announced/)
})

inBoth('several layers: the first line is the bottom, each stays visible', (t, sandbox, shell) => {
  sandbox.layers('bottom', 'middle', 'top')
  sandbox.write('proc/cmdline', arguments_('overlay.size=200m'))
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0, output)
  const lower = path.join(sandbox.dir, 'run/overlay/lower')
  t.match(sandbox.read('calls'), `-o lowerdir=${lower}/3:${lower}/2:${lower}/1,upperdir=`)
  t.match(sandbox.read('calls'), 'size=200m')
  for (const n of [1, 2, 3]) t.match(sandbox.read('calls'), `mount -t squashfs -o ro /dev/loop${n} ${lower}/${n}\n`)
})

inBoth('layers travel by TFTP in large blocks', (t, sandbox, shell) => {
  const [digest] = sandbox.layers('by tftp')
  sandbox.write('proc/cmdline', arguments_('overlay.layers=tftp://192.0.2.1/boots/abcdefgh12345678/layers'))
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0, output)
  t.match(
    sandbox.read('calls'),
    `tftp -g -b 1468 -l ${sandbox.dir}/run/overlay/layers/${digest} -r blobs/sha256/${digest} 192.0.2.1\n`
  )
})

inBoth('a list that is no list is refused', (t, sandbox, shell) => {
  const digest = 'a'.repeat(64)
  for (const line of [
    '<html>',
    `${digest} 12 ../../etc/passwd`,
    `${digest} twelve blobs/x`,
    `${digest} 12 $(reboot)`
  ]) {
    sandbox.write('server/boots/abcdefgh12345678/layers', `${line}\n`)
    t.match(sandbox.boot(shell).output, /step layers failed: .* has a line that is no layer/, line)
  }
})

inBoth('an argument that it does not know is named and ignored', (t, sandbox, shell) => {
  sandbox.layers('x')
  sandbox.write('proc/cmdline', arguments_('overlay.verity=on'))
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0)
  t.match(output, 'overlay: overlay.verity is not an argument that this initramfs knows: ignored\n')
})

inBoth('an argument with a wrong value stops the boot before anything happens', (t, sandbox, shell) => {
  const wrong = [
    ['overlay.layers=ftp://192.0.2.1/x', /is not an http:\/\/ or tftp:\/\/ URL/],
    ['overlay.layers=http://192.0.2.1/$(id)', /is not an http:\/\//],
    ['overlay.layers=http://192.0.2.1:80x/layers', /is not an http:\/\//],
    ['overlay.layers=http://[fd00::1$(id)]/layers', /is not an http:\/\//],
    ['overlay.layers=http://[]/layers', /is not an http:\/\//],
    ['overlay.layers=http://[fd00::1]x[::]/layers', /is not an http:\/\//],
    ['overlay.ip6=fd00::1', /is not an IPv6 address with its prefix length/],
    ['overlay.ip6=fd00::1/64/64', /is not an IPv6 address/],
    ['overlay.ip6=$(id)/64', /is not an IPv6 address/],
    ['overlay.ip6=64', /is not an IPv6 address/],
    ['overlay.checkin=tftp://192.0.2.1/x', /is not an http:\/\/ URL/],
    ['overlay.boot=../x', /is not a boot id/],
    ['overlay.size=lots', /is not a size/],
    ['BOOTIF=01-52-54-00-aa-bb', /is not 01- and six/],
    ['BOOTIF=01-52-54-00-aa-bb-zz', /is not 01- and six/],
    ['ip=192.0.2.500::192.0.2.1:255.255.255.0::::', /192\.0\.2\.500 is not an address/],
    ['ip=192.0.2.5::192.0.2.1:255.0.255.0::::', /255\.0\.255\.0 is not a netmask/]
  ] as const
  for (const [word, reason] of wrong) {
    sandbox.write('proc/cmdline', arguments_(word))
    const { output, exitCode } = sandbox.boot(shell)
    t.equal(exitCode, 9, word)
    t.match(output, reason)
  }
  t.notMatch(sandbox.read('calls'), /ip addr add|wget/)
})

inBoth('what must be there is asked for by name', (t, sandbox, shell) => {
  sandbox.write('proc/cmdline', 'BOOT=overlay BOOTIF=01-52-54-00-aa-bb-cc')
  t.match(sandbox.boot(shell).output, 'step arguments failed: overlay.layers= is missing')
  sandbox.write('proc/cmdline', `BOOT=overlay overlay.layers=${BOOT}/layers`)
  t.match(sandbox.boot(shell).output, 'step arguments failed: BOOTIF= is missing')
})

inBoth('only the card that booted is used, and the others are named when it is not there', (t, sandbox, shell) => {
  sandbox.layers('x')
  sandbox.card('ens2', '52:54:00:00:00:01')
  t.match(sandbox.boot(shell).output, 'network: ens3 192.0.2.50/24')
  rmSync(path.join(sandbox.dir, 'sys/class/net/ens3'), { recursive: true })
  const { output } = sandbox.boot(shell, 0, { NETWORK_PATIENCE_S: '15' })
  t.match(output, `step network failed: no network card has the address ${MAC}: this machine has 52:54:00:00:00:01`)
  t.match(output, `overlay: waiting for network card ${MAC} (10 of 15 s)`)
})

inBoth('without ip= there is one DHCP exchange, under the MAC, patiently', (t, sandbox, shell) => {
  sandbox.layers('x')
  sandbox.write('proc/cmdline', arguments_('ip=dhcp'))
  sandbox.write('lease', 'ip 192.0.2.77\nsubnet 255.255.254.0\nrouter 192.0.2.254\nhostname room-7\ndns 192.0.2.53\n')
  const { output, exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0, output)
  t.match(sandbox.read('calls'), 'ip addr add 192.0.2.77/23 broadcast + dev ens3')
  t.equal(sandbox.read('root/etc/hostname'), 'room-7\n')
  const udhcpc = sandbox.lines('calls').filter((line) => line.startsWith('udhcpc'))
  t.equal(udhcpc.length, 1)
  t.notMatch(udhcpc, / -C/, 'its own client id is the MAC')
  rmSync(path.join(sandbox.dir, 'lease'))
  const { output: inVain } = sandbox.boot(shell, 0, { NETWORK_PATIENCE_S: '15' })
  t.match(inVain, `step network failed: no DHCP server gave ${MAC} an address within 15 s`)
})

inBoth('a lease with rubbish in it is not believed', (t, sandbox, shell) => {
  sandbox.layers('x')
  sandbox.write('proc/cmdline', arguments_('ip=dhcp'))
  sandbox.write('lease', 'ip 192.0.2.77\nsubnet 255.255.255.0\nrouter $(reboot)\nhostname a;b\ndns ../x 1.2.3\n')
  const { exitCode } = sandbox.boot(shell)
  t.equal(exitCode, 0)
  t.notMatch(sandbox.read('calls'), /ip route/)
  t.equal(sandbox.read('root/etc/hostname'), '')
  t.equal(sandbox.read('root/etc/resolv.conf'), '')
})

inBoth('the running system gets its name, its identity and its one address', (t, sandbox, shell) => {
  sandbox.layers('x')
  t.equal(sandbox.boot(shell).exitCode, 0)
  const id = sandbox.read('root/etc/machine-id')
  t.match(id, /^[0-9a-f]{12}4[0-9a-f]{3}8[0-9a-f]{15}\n$/, 'a version 4 UUID without hyphens')
  t.equal(sandbox.read('root/etc/hostname'), 'client12\n')
  t.equal(sandbox.read('root/etc/hosts'), '127.0.0.1\tlocalhost\n127.0.1.1\tclient12\n')
  t.equal(sandbox.read('root/etc/resolv.conf'), 'nameserver 192.0.2.53\n')
  const network = sandbox.read('run-systemd/network/05-overlay.network')
  t.match(network, /^\[Match\]\nMACAddress=52:54:00:aa:bb:cc\n/m)
  t.match(network, /^ClientIdentifier=mac$/m)
  t.equal(sandbox.read('run/overlay/checkin'), `${BOOT}/checkins\n`)
  sandbox.boot(shell)
  t.equal(sandbox.read('root/etc/machine-id'), id, 'the same at the next boot')
})

const IPV6_BOOT = 'http://[fd00:77::1]:8080/boots/abcdefgh12345678'
const IPV6 = ARGUMENTS.filter((word) => !word.startsWith('ip='))
  .map((word) => word.replace(BOOT, IPV6_BOOT))
  .concat('overlay.ip6=fd00:77::50/64')

inBoth(
  'where there is nothing but IPv6, its address is used as it is, once nobody else has it',
  (t, sandbox, shell) => {
    sandbox.layers('x')
    sandbox.write('proc/cmdline', IPV6.join(' '))
    sandbox.write('addresses', 'inet6 fd00:77::50/64 scope global tentative\ninet6 fd00:77::50/64 scope global\n')
    const { output, exitCode } = sandbox.boot(shell)
    t.equal(exitCode, 0, output)
    t.match(output, 'network: ens3 fd00:77::50/64')
    t.same(sandbox.lines('calls').slice(0, 5), [
      'ip link set dev ens3 up',
      'ip -6 addr flush dev ens3 scope global',
      'ip -6 addr add fd00:77::50/64 dev ens3',
      'ip -6 addr show dev ens3',
      'ip -6 addr show dev ens3'
    ])
    t.notMatch(sandbox.read('calls'), /udhcpc/)
    t.match(sandbox.read('calls'), `wget -q -c -O ${sandbox.dir}/run/overlay/layers.answer ${IPV6_BOOT}/layers`)
    t.match(sandbox.read('run-systemd/network/05-overlay.network'), /^DHCP=ipv6\n(.*\n)*KeepConfiguration=yes\n/m)
    t.equal(sandbox.read('run/overlay/checkin'), `${IPV6_BOOT}/checkins\n`)
  }
)

inBoth('an IPv6 address that somebody else has is not taken', (t, sandbox, shell) => {
  sandbox.write('proc/cmdline', IPV6.join(' '))
  sandbox.write('addresses', 'inet6 fd00:77::50/64 scope global tentative dadfailed\n')
  const { output } = sandbox.boot(shell, 0, { NETWORK_PATIENCE_S: '3' })
  t.match(output, 'step network failed: somebody else has the address fd00:77::50')
})

inBoth('an image without a HTTP server gets its layers by TFTP, over IPv6 too', (t, sandbox, shell) => {
  sandbox.layers('x')
  const url = 'tftp://[fd00:77::1]/boots/abcdefgh12345678/layers'
  sandbox.write('proc/cmdline', [...IPV6, `overlay.layers=${url}`].join(' '))
  t.equal(sandbox.boot(shell).exitCode, 0)
  t.match(sandbox.read('calls'), /^tftp .* -r boots\/abcdefgh12345678\/layers \[fd00:77::1\]$/m)
})

inBoth('a machine-id is its MAC’s own, and nobody else’s', (t, sandbox, shell) => {
  const id = (mac: string) => sandbox.run(shell, `machine_id_of_mac ${mac}`).output.trim()
  t.equal(id(MAC), id(MAC))
  t.not(id(MAC), id('52:54:00:aa:bb:cd'))
  t.equal(id(MAC).length, 32)
})

inBoth('netmasks become prefixes, and only real ones', (t, sandbox, shell) => {
  const prefix = (mask: string) => sandbox.run(shell, `prefix_of_netmask ${mask} || echo no`).output.trim()
  for (const [mask, expected] of [
    ['255.255.255.255', '32'],
    ['255.255.255.128', '25'],
    ['255.255.252.0', '22'],
    ['128.0.0.0', '1'],
    ['0.0.0.0', '0'],
    ['255.255.128.128', 'no'],
    ['255.0.255.0', 'no'],
    ['255.255.255', 'no'],
    ["''", 'no']
  ] as const) {
    t.equal(prefix(mask), expected, mask)
  }
})

inBoth('progress goes out in bytes, at most once each ten per cent, and never after its step', (t, sandbox, shell) => {
  const content = 'y'.repeat(400_000)
  const [digest] = sandbox.layers(content)
  sandbox.stub(
    'wget-slow',
    `i=0; while [ $i -lt 8 ]; do head -c 50000 "$SANDBOX/server/blobs/sha256/${digest}"; /bin/busybox usleep 60000; i=$((i + 1)); done`
  )
  const wget = sandbox.read('bin/wget')
  sandbox.stub('wget', `case $* in *blobs*) exec wget-slow >"$4" ;; esac\n${wget}`)
  t.equal(sandbox.boot(shell).exitCode, 0)
  const progress = sandbox.checkIns().filter((line) => line.includes('progress'))
  t.ok(progress.length >= 1 && progress.length <= 10, `${progress.length} of them`)
  for (const line of progress) t.match(line, /^layers progress \d+ 400000$/)
  const all = sandbox.checkIns()
  t.ok(all.lastIndexOf(progress.at(-1) ?? '') < all.indexOf('layers ok'))
})

inBoth('a server that does not listen holds nothing up and is not asked for ever', (t, sandbox, shell) => {
  sandbox.layers('x')
  sandbox.write('deaf', '')
  t.equal(sandbox.boot(shell).exitCode, 0)
  t.equal(sandbox.lines('calls').filter((line) => line.includes('--post-file')).length, 3)
})

inBoth('BOOT= in capitals counts although /init empties it', (t, sandbox, shell) => {
  const boot = (cmdline: string) => {
    sandbox.write('proc/cmdline', `${cmdline}\n`)
    return sandbox.run(shell, `BOOT=; . "${HOOKS}/conf.d/overlay"; echo "<$BOOT>"`).output.trim()
  }
  t.equal(boot('quiet BOOT=overlay ro'), '<overlay>')
  t.equal(boot('BOOT=overlay'), '<overlay>')
  t.equal(boot('BOOT=local quiet BOOT=overlay'), '<overlay>', 'the last one')
  t.equal(boot('quiet'), '<>')
  t.equal(boot('XBOOT=overlay'), '<>')
  t.equal(boot('BOOT=../../bin/sh'), '<>')
})
