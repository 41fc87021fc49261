// The boot face in front of the HTTP clients that machines and people have: curl, wget, busybox.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readlinkSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { TransferReport } from '../../server/boot/model.ts'
import { createResolver } from '../../server/boot/names.ts'
import { systemClock } from '../../server/clock.ts'
import { BootFace } from '../../server/http/boot-face.ts'
import { newHttpCounters } from '../../server/http/counters.ts'
import { bootWorld, MAC, version } from '../fakes/boot-world.ts'
import { eventually } from '../support/netns.ts'

const run = promisify(execFile)
const LAYER_BYTES = 48 * 1024 * 1024
const SCRIPT = `boot.ipxe?mac=${MAC}`

interface Face {
  readonly url: string
  readonly port: number
  /** The layer's name. */
  readonly blob: string
  readonly dir: string
  readonly bytes: Buffer
  readonly reports: TransferReport[]
  readonly boots: ReturnType<typeof bootWorld>['boots']
}

/** A boot face with one image, whose layer is `size` bytes long. */
async function bootFace(t: Test, size = LAYER_BYTES): Promise<Face> {
  const dir = t.testdir({})
  const path = join(dir, 'layer')
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 4096) bytes.writeUInt32BE(at, at)
  await writeFile(path, bytes)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const lab = version({ layers: [{ digest, sizeBytes: size }] })
  let port = 0
  const { boots } = bootWorld({
    images: { resolve: () => lab },
    clock: systemClock,
    get httpPort() {
      return port
    }
  })
  const reports: TransferReport[] = []
  const face = await BootFace.create({
    resolve: createResolver({
      boots,
      loaders: new Map([['shimx64.efi', { path, sizeBytes: size, modifiedAt: Date.UTC(2026, 0, 1) }]]),
      blob: async (wanted) =>
        wanted === digest ? { path, sizeBytes: size, modifiedAt: Date.UTC(2026, 0, 1) } : undefined
    }),
    boots,
    report: (report) => reports.push(report),
    counters: newHttpCounters(),
    clock: systemClock,
    log: pino({ level: 'silent' })
  })
  t.teardown(() => face.close(0))
  await face.listen('127.0.0.1', 0)
  port = face.port
  return { url: `http://127.0.0.1:${port}`, port, blob: `blobs/sha256/${digest.slice(7)}`, dir, bytes, reports, boots }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** The first part of a download that was cut off. */
async function beginning(face: Face, name: string, length: number): Promise<string> {
  const path = join(face.dir, name)
  await writeFile(path, face.bytes.subarray(0, length))
  return path
}

const RESUMING: Record<string, (url: string, path: string) => [command: string, ...args: string[]]> = {
  'curl --continue-at -': (url, path) => ['curl', '-sS', '--fail', '--continue-at', '-', '-o', path, url],
  'wget --continue': (url, path) => ['wget', '-q', '--continue', '-O', path, url],
  'busybox wget -c': (url, path) => ['busybox', 'wget', '-q', '-c', '-O', path, url]
}

for (const [client, commandFor] of Object.entries(RESUMING)) {
  t.test(`${client} goes on where a download was cut off, and fetches no byte twice`, async (t) => {
    const face = await bootFace(t)
    const path = await beginning(face, 'download', 30_000_001)
    const [command, ...args] = commandFor(`${face.url}/${face.blob}`, path)
    await run(command, args, { timeout: 30_000 })
    t.equal(await fileDigest(path), face.blob.slice('blobs/sha256/'.length))
    await eventually('the report', () => face.reports.find(({ outcome }) => outcome === 'ok'))
    t.notOk(
      face.reports.some(({ outcome }) => outcome === 'started'),
      'nothing began at the first byte'
    )
  })

  t.test(`${client} finds nothing to do when everything is there`, async (t) => {
    const face = await bootFace(t, 100_000)
    const path = await beginning(face, 'download', 100_000)
    const [command, ...args] = commandFor(`${face.url}/${face.blob}`, path)
    // The answer is 416; some clients call that an error, none spoils the file.
    await run(command, args, { timeout: 30_000 }).catch(() => undefined)
    t.ok((await readFile(path)).equals(face.bytes))
  })
}

t.test('curl by HTTP/1.0, by HTTP/1.1 without a Host header, and with a strange one', async (t) => {
  const face = await bootFace(t, 1_000_000)
  for (const args of [['--http1.0'], ['--header', 'Host:'], ['--header', 'Host: rootcast.example:1']]) {
    const path = join(face.dir, 'download')
    await run('curl', ['-sS', '--fail', ...args, '-o', path, `${face.url}/${face.blob}`], { timeout: 30_000 })
    t.ok((await readFile(path)).equals(face.bytes), args.join(' '))
  }
})

t.test('HEAD, as UEFI HTTP boot asks before it fetches: length, type and stable tags', async (t) => {
  const face = await bootFace(t, 1_000_000)
  const head = async () =>
    (await run('curl', ['-sS', '--head', `${face.url}/shimx64.efi`])).stdout.replace(/^date:.*\r\n/im, '')
  const first = await head()
  t.match(first, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(first, /^content-length: 1000000\r$/im)
  t.match(first, /^content-type: application\/efi\r$/im)
  t.match(first, /^last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r$/im)
  t.equal(await head(), first)
})

t.test('a script names the address and the port that were asked, not the Host header', async (t) => {
  const face = await bootFace(t, 1000)
  const { stdout } = await run('curl', ['-sS', '--header', 'Host: evil.example', `${face.url}/${SCRIPT}`])
  t.match(stdout, `overlay.layers=http://127.0.0.1:${face.port}/boots/boot000000000001/layers`)
  t.notMatch(stdout, 'evil')
})

t.test("check-ins by curl and by busybox's wget, which calls them a form", async (t) => {
  const face = await bootFace(t, 1000)
  await run('curl', ['-sS', `${face.url}/${SCRIPT}`])
  const checkIns = `${face.url}/boots/boot000000000001/checkins`
  const { stdout } = await run('curl', [
    '-sS',
    '-w',
    '%{http_code}',
    '--data-binary',
    'network ok\neth0 is up',
    checkIns
  ])
  t.equal(stdout, '204')
  await run('busybox', ['wget', '-q', '-O', '-', '--post-data', 'up ok', checkIns], { timeout: 10_000 })
  t.equal(face.boots.latest(MAC)?.state, 'running')
})

t.test('paths that lead elsewhere lead nowhere', async (t) => {
  const face = await bootFace(t, 1000)
  for (const path of [
    '../../etc/passwd',
    '%2e%2e/%2e%2e/etc/passwd',
    'blobs\\..\\..\\etc\\passwd',
    'blobs/%2fetc%2fpasswd'
  ]) {
    const { stdout } = await run('curl', ['-sS', '--path-as-is', '-w', ' %{http_code}', `${face.url}/${path}`])
    t.equal(stdout, 'not found\n 404', path)
  }
})

t.test('a client that vanishes in mid-transfer is told of and leaves nothing open', async (t) => {
  const face = await bootFace(t)
  const socket = connect(face.port, '127.0.0.1')
  socket.write(`GET /${face.blob} HTTP/1.1\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  const failed = await eventually('the report', () => face.reports.find(({ outcome }) => outcome === 'failed'))
  t.match(failed.reason, /^the client went away after \d+ of 50331648 bytes$/)
  const target = await open(join(face.dir, 'layer'))
  t.teardown(() => target.close())
  const links = () =>
    readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === join(face.dir, 'layer'))
  await eventually("this test's own handle alone", () => (links().length === 1 ? true : undefined))
})

/** Undefined for a descriptor that is closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

t.test('twenty clients at once cost memory by the client, not by the byte', async (t) => {
  const face = await bootFace(t)
  global.gc?.()
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  const fetches = Array.from({ length: 20 }, () =>
    run('curl', ['-sS', '--fail', '-o', '/dev/null', '-w', '%{size_download}', `${face.url}/${face.blob}`])
  )
  const sizes = (await Promise.all(fetches)).map(({ stdout }) => stdout)
  clearInterval(watch)
  t.same(new Set(sizes), new Set([String(LAYER_BYTES)]))
  const grown = Math.round((most - before) / 1e6)
  t.ok(grown < 64, `${grown} MB for 1 GB sent`)
})
