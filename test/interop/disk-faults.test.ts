// The disk is full or read-only while machines boot: who can be served is, nothing is lost, it is told of, and it passes.
import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { DhcpPacket } from '../../server/dhcp/packet.ts'
import { MESSAGE_TYPE, OPTION } from '../../server/dhcp/registry.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { message, quad } from '../support/dhcp-packets.ts'
import { form } from '../support/form.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'
import { PxeClient } from '../support/pxe-client.ts'
import { layer } from '../support/squashfs.ts'
import { tftpFetch } from '../support/tftp-client.ts'

const MAIN = path.join(import.meta.dirname, '../../server/main.js')
const MEGABYTE = 1 << 20
const LEASE_SECONDS = 7200
/** What tells of the disk does so at most 10 s later. */
const PATIENCE_MS = 60_000
const CONFIG = `stateDir: state
images: { store: store }
dhcp:
  mode: authoritative
  interfaces: [srv0]
  subnets:
    - { subnet: 192.168.77.0/24, pools: [{ from: 192.168.77.100, to: 192.168.77.200 }], leaseSeconds: ${LEASE_SECONDS} }
tftp: { addresses: [192.168.77.1] }
http: { boot: { address: 192.168.77.1, port: 8099 }, admin: { port: 0 } }
`
const MAC = '52:54:00:12:34:56'
const NEW_MAC = '52:54:00:12:34:57'
const THIRD_MAC = '52:54:00:12:34:58'
const LOADER = 'ipxe/undionly.kpxe'

/** A file that leaves no byte free where it is. */
function fill(mount: string): string {
  const file = path.join(mount, 'everything')
  spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=4k'], { stdio: 'ignore', timeout: 60_000 })
  return file
}

/** The daemon in a mount namespace of its own, its state and its store each on a small disk. */
async function start(t: Test) {
  await enterOwnNetwork()
  const room = await Namespace.create()
  t.teardown(() => room[Symbol.asyncDispose]())
  await room.cable('srv0', 'eth0')
  await ip('address add 192.168.77.1/24 dev srv0')
  const machines = await PxeClient.open(room, 'eth0', 68)
  t.teardown(() => machines[Symbol.dispose]())
  const directory = await temporaryDirectory(t)
  writeFileSync(path.join(directory, 'rootcast.yaml'), CONFIG)
  const script = `
    cd "$1" && mkdir state store
    mount -t tmpfs -o size=8m tmpfs state && mount -t tmpfs -o size=16m tmpfs store
    exec "$2" "$3" serve --config rootcast.yaml`
  const unshare = ['--mount', 'sh', '-c', script, 'sh', directory, process.execPath, MAIN]
  const child = spawn('unshare', unshare, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await closed
  })
  const told: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => told.push(text))
  const lines = () =>
    told
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line): { msg: string; [fact: string]: unknown } => JSON.parse(line))
  const { msg: ready } = await eventually('the daemon', () => lines().find(({ msg }) => msg.startsWith('ready')))
  const [, port] = /:(\d+)$/.exec(ready) ?? []
  const inside = `/proc/${child.pid}/root${directory}`
  const token = readFileSync(`${inside}/state/admin-token`, 'utf8').trim()
  const there = (...command: readonly string[]) => {
    const { status, stderr } = spawnSync('nsenter', ['-t', String(child.pid), '-m', ...command], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  }
  const curl = (url: string, ...args: readonly string[]): { status: number; body: string } => {
    const { stdout } = spawnSync('curl', ['-s', '-m', '20', '-w', '\n%{http_code}', ...args, url], { encoding: 'utf8' })
    const at = stdout.lastIndexOf('\n')
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) }
  }
  const admin = (url: string, ...args: readonly string[]) =>
    curl(`http://127.0.0.1:${port}${url}`, '-H', `authorization: Bearer ${token}`, ...args)
  const boot = (url: string) => curl(`http://192.168.77.1:8099/${url}`)
  return { directory, inside, pid: child.pid, lines, there, admin, boot, machines }
}

type Daemon = Awaited<ReturnType<typeof start>>

/** The answer, if one comes within a while. */
async function ask({ machines }: Daemon, question: DhcpPacket, withinMs = 5000): Promise<DhcpPacket | undefined> {
  const xid = randomInt(2 ** 32 - 1)
  const end = performance.now() + withinMs
  machines.send({ ...question, xid }, 67)
  for (;;) {
    const answer = machines.heard.find(({ packet }) => packet.xid === xid)
    if (answer) return answer.packet
    if (performance.now() > end) return undefined
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const typeOf = (answer: DhcpPacket | undefined) => answer?.options.get(OPTION.messageType)?.[0]
const leaseSecondsOf = (answer: DhcpPacket | undefined) =>
  Buffer.from(answer?.options.get(OPTION.leaseTime) ?? [0, 0, 0, 0]).readUInt32BE()

/** DISCOVER and REQUEST of one machine: the offered address, and the answer to asking for it. */
async function lease(daemon: Daemon, mac: string, withinMs?: number) {
  const offer = await ask(daemon, message('discover', [], { chaddr: mac }))
  if (typeOf(offer) !== MESSAGE_TYPE.offer) throw new Error(`no OFFER for ${mac}`)
  const address = formatIpv4(offer?.yiaddr ?? 0)
  const wanted = [
    [OPTION.requestedAddress, quad(address)],
    [OPTION.serverId, quad('192.168.77.1')]
  ] as const
  return { address, answer: await ask(daemon, message('request', wanted, { chaddr: mac }), withinMs) }
}

function publish({ admin, directory }: Daemon, version: string, sizeBytes: number) {
  const { payload, headers } = form(
    ['version', version],
    ['kernel', Buffer.alloc(100_000, version)],
    ['initrd', Buffer.alloc(100_000, 'initrd')],
    ['layer', layer(Buffer.alloc(sizeBytes, version))]
  )
  const upload = path.join(directory, 'upload')
  writeFileSync(upload, payload)
  const type = `content-type: ${headers['content-type']}`
  return admin('/api/v1/images/lab/versions', '-H', type, '--data-binary', `@${upload}`)
}

/** The kernel of the newest boot, by the URL that its script names. */
function bootKernel({ boot }: Daemon) {
  const script = boot(`boot.ipxe?mac=${MAC}&platform=efi&arch=x86_64`)
  const [, kernel = ''] = /(blobs\/sha256\/[0-9a-f]{64})/.exec(script.body) ?? []
  return { script, kernel: boot(kernel) }
}

/**
 * What the kernel does when a file system is read-only all at once, under files that are open for writing (`errors=remount-ro`):
 * it refuses to open any for writing, and writes to those that are open. Only the first can be had by mounting.
 */
async function turnReadOnly({ pid, there }: Daemon, directory: string): Promise<{ end(): Promise<void> }> {
  there('mount', '--bind', directory, directory)
  there('mount', '-o', 'remount,bind,ro', directory)
  const paths = ['', '-wal', '-shm'].flatMap((suffix) => ['-P', `${directory}/rootcast.sqlite${suffix}`])
  const refusal = ['pwrite64', 'write', 'ftruncate', 'fallocate'].join(',')
  const args = ['-f', '-p', String(pid), ...paths, '-e', `trace=${refusal}`, '-e', `inject=${refusal}:error=EROFS`]
  const strace = spawn('nsenter', ['-t', String(pid), '-m', 'strace', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(strace, 'close')
  let told = ''
  strace.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text
  })
  await eventually('strace', () => / attached/.test(told) || undefined)
  return {
    async end() {
      strace.kill('SIGTERM')
      await ended
      if (!/EROFS.*INJECTED/.test(told)) throw new Error(`no write was refused: ${told}`)
      there('umount', '--lazy', directory)
    }
  }
}

const put = (body: object) => ['-X', 'PUT', '-H', 'content-type: application/json', '-d', JSON.stringify(body)]
const post = (body: object) => ['-H', 'content-type: application/json', '-d', JSON.stringify(body)]

async function isHealthy({ admin }: Daemon, unwritable: readonly string[]) {
  const status = unwritable.length === 0 ? 'ok' : 'degraded'
  const wanted = JSON.stringify({ status, unwritable })
  await eventually(`health ${wanted}`, () => (admin('/healthz').body === wanted ? true : undefined), PATIENCE_MS)
  for (const setting of ['stateDir', 'images.store']) {
    const value = unwritable.includes(setting) ? 0 : 1
    const line = `rootcast_directory_writable{setting="${setting}"} ${value}`
    if (!admin('/metrics').body.includes(line)) throw new Error(`not in the metrics: ${line}`)
  }
}

/** Machines boot, and of DHCP's clients those whose lease is on disk already; answers with the id of a boot. */
async function servesWhomItCan(t: Test, daemon: Daemon, knownAddress: string, newMac: string): Promise<string> {
  const { admin } = daemon
  const { script, kernel } = bootKernel(daemon)
  t.equal(script.status, 200)
  t.equal(kernel.status, 200, 'machines boot')
  t.ok((await tftpFetch({ address: '192.168.77.1', port: 69 }, LOADER)).bytes.length > 0, 'by TFTP too')
  const [, id = ''] = /boots\/([a-z0-9]+)\//.exec(script.body) ?? []
  t.equal(daemon.boot(`boots/${id}/layers`).status, 200, 'with all that belongs to the boot')
  t.equal(admin(`/api/v1/boots/${id}`).status, 200, 'and an administrator sees it')

  const stranger = await lease(daemon, newMac, 2000)
  t.equal(stranger.answer, undefined, 'a new machine has an OFFER and no ACK')
  const again = await lease(daemon, MAC)
  t.equal(typeOf(again.answer), MESSAGE_TYPE.ack, 'who has a lease on disk boots')
  t.equal(again.address, knownAddress)
  t.ok(leaseSecondsOf(again.answer) < LEASE_SECONDS, `with the ${leaseSecondsOf(again.answer)} s that are left of it`)
  t.equal(admin('/healthz').status, 500, 'since a machine was refused')
  t.match(admin('/metrics').body, /rootcast_dhcp_dropped_packets_total{reason="unsaved"} [1-9]/)
  return id
}

t.test('full and read-only disks', { timeout: 400_000 }, async (t) => {
  const daemon = await start(t)
  const { admin, inside, lines, there } = daemon
  t.equal(publish(daemon, '1', MEGABYTE).status, 201)
  t.equal(admin('/api/v1/images/lab/channels/stable', ...put({ version: '1' })).status, 200)
  t.equal(admin('/api/v1/groups', ...post({ name: 'default', image: 'lab', channel: 'stable' })).status, 201)
  t.equal(bootKernel(daemon).kernel.status, 200)
  /** All lines about a setting, once there are so many; nothing is read while a command is run. */
  const tellsOf = (setting: string, count: number) =>
    eventually(
      `${count} lines about ${setting}`,
      () => {
        const found = lines().flatMap(({ msg }) => (msg.startsWith(`${setting}: `) ? msg : []))
        return found.length >= count ? found : undefined
      },
      PATIENCE_MS
    )

  await t.test('a full image store', async (t) => {
    const file = fill(`${inside}/store`)
    await isHealthy(daemon, ['images.store'])
    t.match(publish(daemon, '2', MEGABYTE), { status: 507, body: /NO_SPACE.*full/s })
    t.equal(bootKernel(daemon).kernel.status, 200, 'machines boot')
    t.match(await tellsOf('images.store', 1), [
      /can't be written to \(the disk is full\): machines boot, but no version/
    ])
    rmSync(file)
    await isHealthy(daemon, [])
    t.equal(publish(daemon, '2', MEGABYTE).status, 201, 'and the same version is published without a restart')
  })

  await t.test('a read-only image store', async (t) => {
    const store = `${daemon.directory}/store`
    // Over itself, for the daemon's lock keeps the file system from being made read-only in the regular way.
    there('mount', '--bind', store, store)
    there('mount', '-o', 'remount,bind,ro', store)
    await isHealthy(daemon, ['images.store'])
    t.match(publish(daemon, '3', MEGABYTE), { status: 503, body: /STORE_READ_ONLY.*read-only/s })
    t.equal(bootKernel(daemon).kernel.status, 200, 'machines boot')
    there('umount', '--lazy', store)
    await isHealthy(daemon, [])
    t.equal(publish(daemon, '3', MEGABYTE).status, 201)
    t.equal((await tellsOf('images.store', 4)).length, 4, 'two lines for each fault')
  })

  await t.test('a full state directory', async (t) => {
    const known = await lease(daemon, MAC)
    t.equal(typeOf(known.answer), MESSAGE_TYPE.ack)
    t.equal(leaseSecondsOf(known.answer), LEASE_SECONDS)
    const file = fill(`${inside}/state`)
    await isHealthy(daemon, ['stateDir'])
    const id = await servesWhomItCan(t, daemon, known.address, NEW_MAC)
    t.match(await tellsOf('stateDir', 1), [/can't be written to \(the disk is full\): machines boot, but no new lease/])

    rmSync(file)
    const served = await lease(daemon, NEW_MAC)
    t.equal(typeOf(served.answer), MESSAGE_TYPE.ack, 'and with room again it is served')
    t.equal(leaseSecondsOf((await lease(daemon, MAC)).answer), LEASE_SECONDS)
    await isHealthy(daemon, [])
    t.equal(admin('/api/v1/groups', ...post({ name: 'after' })).status, 201, 'changes are taken again')
    t.equal(admin(`/api/v1/boots/${id}`).status, 200, 'and the boot of the bad time is there')
    t.equal((await tellsOf('stateDir', 2)).length, 2)
    const dhcp = lines().filter(({ msg }) => /^DHCP: lease|^DHCP gives/.test(msg))
    t.match(dhcp, [
      { msg: 'DHCP: lease assigned', mac: MAC, address: known.address, until: /^\d{4}-.*Z$/ },
      { msg: /^DHCP gives no new leases: the disk of stateDir is full/ },
      { msg: /^DHCP gives new leases again/ },
      { msg: 'DHCP: lease assigned', mac: NEW_MAC, address: served.address }
    ])
    t.equal(dhcp.length, 4, 'each once, and no line of what was renewed')
  })

  await t.test('a state directory whose file system turns read-only', async (t) => {
    const known = await lease(daemon, MAC)
    const before = lines().length
    const readOnly = await turnReadOnly(daemon, `${daemon.directory}/state`)
    await isHealthy(daemon, ['stateDir'])
    const id = await servesWhomItCan(t, daemon, known.address, THIRD_MAC)
    t.match(
      (await tellsOf('stateDir', 3)).at(2),
      /can't be written to \(it is mounted read-only\): machines boot, but no/
    )

    await readOnly.end()
    const served = await lease(daemon, THIRD_MAC)
    t.equal(typeOf(served.answer), MESSAGE_TYPE.ack, 'and when it can be written to again the new machine is served')
    t.equal(leaseSecondsOf((await lease(daemon, MAC)).answer), LEASE_SECONDS)
    await isHealthy(daemon, [])
    t.equal(admin('/api/v1/groups', ...post({ name: 'later' })).status, 201, 'changes are taken again')
    t.equal(admin(`/api/v1/boots/${id}`).status, 200, 'and the boot of the bad time is there')
    const rows = JSON.parse(admin('/api/v1/leases').body)
    t.match(rows, { length: 3 }, 'each lease once')
    t.equal((await tellsOf('stateDir', 4)).length, 4)
    const dhcp = lines()
      .slice(before)
      .filter(({ msg }) => /^DHCP: lease|^DHCP gives/.test(msg))
    t.match(dhcp, [
      { msg: /^DHCP gives no new leases: the disk of stateDir is read-only or broken/ },
      { msg: /^DHCP gives new leases again/ },
      { msg: 'DHCP: lease assigned', mac: THIRD_MAC, address: served.address }
    ])
    t.equal(dhcp.length, 3)
  })
})
