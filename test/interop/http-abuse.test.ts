// Both faces under abuse: honest clients are served, what is held stays bounded, and the log stays short.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { systemClock } from '../../server/clock.ts'
import { AdminFace } from '../../server/http/admin-face.ts'
import { BootFace } from '../../server/http/boot-face.ts'
import { newHttpCounters } from '../../server/http/counters.ts'
import { adminApp } from '../fakes/admin.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { Most, publishKernel, residentMegabytes, startDaemonProcess } from '../support/daemon-process.ts'
import { form } from '../support/form.ts'
import { enterOwnNetwork, eventually } from '../support/netns.ts'
import { INITRD, KERNEL, LAYER, openStore } from '../support/store.ts'

await enterOwnNetwork()

const run = promisify(execFile)
const CONNECTIONS = 1_000
const ATTACK = 10_000
const ADDRESSES = 100

t.test('10,000 idle connections, some of them slowloris, while an honest client is served', async (t) => {
  const counters = newHttpCounters()
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const face = await BootFace.create({
    resolve: async () => ({ kind: 'text', body: Buffer.from('bytes'), mediaType: 'text/plain' }),
    boots: { checkIn: () => 'ok' },
    report: () => undefined,
    counters,
    clock: systemClock,
    log,
    limits: { connections: CONNECTIONS, connectionsPerAddress: 64, scriptsPerMinute: 1_000 }
  })
  t.teardown(() => face.close(0))
  await face.listen('127.0.0.1', 0)
  const sockets = new Set<Socket>()
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  let most = 0
  let ended = 0
  const attack = async (i: number) => {
    const socket = connect({ host: '127.0.0.1', port: face.port, localAddress: `127.3.0.${(i % ADDRESSES) + 1}` })
    sockets.add(socket)
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      socket.once('connect', () => {
        if (i % 10 === 0) socket.write('GET / HTTP/1.1\r\nx: ')
        resolve()
      })
      socket.once('close', () => {
        ended += 1
        sockets.delete(socket)
        resolve()
      })
    })
    most = Math.max(most, face.connections)
  }
  for (let i = 0; i < ATTACK; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => attack(i + j)))
    if (i % 1_000 > 0) continue
    const { stdout } = await run('curl', ['-sS', '--fail', '--max-time', '60', `http://127.0.0.1:${face.port}/x`])
    t.equal(stdout, 'bytes', `served after ${i + 100} connections`)
  }
  await eventually('all that is too much to be gone', () => ended >= ATTACK - CONNECTIONS || undefined)
  t.ok(most <= CONNECTIONS, `never more than ${most} connections`)
  t.ok(lines.length < 5, `${lines.length} lines in the log while it lasts`)
  await face.close(0)
  t.ok(lines.length < 8, `${lines.length} lines in all`)
  t.match(lines.at(-1), /HTTP: dropped in \d+ s: .*\d+ idle connections, to make room/)
})

t.test('the admin face: slowloris takes no more descriptors than it may, and keeps no administrator out', async (t) => {
  const { deps, secrets, boots } = await adminApp(t)
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const face = new AdminFace({ ...deps, log, clock: systemClock, limits: { connections: 100, headMs: 2_000 } })
  await face.listen('127.0.0.1', 0)
  const url = `http://127.0.0.1:${face.port}`
  const get = async () => (await run('curl', ['-sS', '--fail', '--max-time', '5', `${url}/healthz`])).stdout
  t.match(await get(), /ok/, 'served before')
  const watching = new AbortController()
  const headers = { authorization: `Bearer ${secrets.get('read')}` }
  const events = await fetch(`${url}/api/v1/boots/events`, { headers, signal: watching.signal })
  t.equal(events.status, 200)
  const before = process.memoryUsage().rss
  let ended = 0
  const attack = async () => {
    const socket = connect({ host: '127.0.0.1', port: face.port })
    socket.resume()
    socket.on('error', () => undefined)
    socket.once('connect', () => socket.write('GET /healthz HTTP/1.1\r\nx: '))
    socket.once('close', () => {
      ended += 1
    })
    await once(socket, 'connect')
  }
  for (let i = 0; i < 20; i++) {
    await Promise.all(Array.from({ length: 100 }, attack))
    t.match(await get(), /ok/, `served after ${100 * (i + 1)} connections`)
  }
  const descriptors = readdirSync('/proc/self/fd').length
  // Ours and the attackers' ends of the same connections, in one process.
  t.ok(descriptors < 300, `${descriptors} descriptors`)
  await eventually('the slow ones to be closed', () => ended === 2_000 || undefined)
  t.equal(boots.listeners.size, 1, 'an administrator who watches goes on watching')
  const megabytes = (process.memoryUsage().rss - before) / 1e6
  t.ok(megabytes < 100, `${megabytes.toFixed(0)} MB more, the attacker's among them`)
  watching.abort()
  await face.close(0)
  t.match(lines.at(-1), /admin face: dropped in \d+ s: \d+ connections without a token, to make room/)
  t.ok(lines.filter((line) => line.includes('dropped')).length < 3)
})

const ENDLESS = 20
const TRICKLE_MS = 20
const HONEST = 200
const BOOT_PORT = 8099
const VERSIONS = '/images/lab/versions'
const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { enabled: false }
http: { boot: { address: 127.0.0.1, port: ${BOOT_PORT} }, admin: { port: 0 } }
`

interface Admin {
  readonly api: string
  readonly headers: Readonly<Record<string, string>>
}

function versionForm(version: string) {
  return form(['version', version], ['kernel', KERNEL], ['initrd', INITRD], ['layer', LAYER])
}

async function publish({ api, headers }: Admin, version: string): Promise<number> {
  const sent = versionForm(version)
  const options = { method: 'POST', headers: { ...headers, ...sent.headers }, body: sent.payload }
  return (await fetch(`${api}${VERSIONS}`, options)).status
}

/** Versions whose top layer goes on for ever, a few bytes at a time. */
class EndlessUploads {
  ended = 0
  readonly #uploads: readonly ClientRequest[]
  readonly #trickle: NodeJS.Timeout

  constructor(t: Test, { api, headers }: Admin) {
    this.#uploads = Array.from({ length: ENDLESS }, (_, i) => {
      const sent = versionForm(`endless${i}`)
      const upload = request(`${api}${VERSIONS}`, { method: 'POST', headers: { ...headers, ...sent.headers } })
      upload.on('error', () => undefined)
      upload.once('close', () => {
        this.ended += 1
      })
      upload.write(sent.payload.subarray(0, sent.payload.length - 50)) // without the form's last line
      return upload
    })
    this.#trickle = setInterval(() => {
      for (const upload of this.#uploads) if (!upload.destroyed) upload.write('x'.repeat(1_000))
    }, TRICKLE_MS)
    t.teardown(() => this.leave())
  }

  leave(): void {
    clearInterval(this.#trickle)
    for (const upload of this.#uploads) upload.destroy()
  }
}

function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true }).map(String).sort()
}

/** Versions that a store is being sent. */
function underWay(directory: string): number {
  return readdirSync(path.join(directory, 'ingest')).length
}

t.test('uploads that never end, and the daemon as it is run: downloads, calls and an upload are served', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'rootcast.yaml'), CONFIG)
  const daemon = await startDaemonProcess(t, directory)
  const store = path.join(directory, 'store')
  const files = () => filesIn(store)
  const kernel = Buffer.alloc(1 << 20, 'x')
  const url = `http://127.0.0.1:${BOOT_PORT}/${await publishKernel(daemon, kernel)}`
  const honest = async () => {
    for (let i = 0; i < HONEST; i += 1) {
      const file = await fetch(url)
      if (!kernel.equals(Buffer.from(await file.arrayBuffer()))) throw new Error(`${file.status}, or other bytes`)
      const called = await fetch(`${daemon.api}${VERSIONS}`, { headers: daemon.headers })
      if (called.status !== 200) throw new Error(`${called.status}: ${await called.text()}`)
      await called.arrayBuffer()
    }
  }
  await honest() // what it needs anyway
  const had = files()
  const before = residentMegabytes(daemon)
  using most = new Most(daemon)
  const endless = new EndlessUploads(t, daemon)
  await eventually('all of them to be under way', () => underWay(store) === ENDLESS || undefined)
  await honest()
  t.pass(`${HONEST} downloads and ${HONEST} calls, each of them served`)
  t.equal(await publish(daemon, 'meanwhile'), 201)
  t.equal(endless.ended, 0, 'all of them are there still')
  t.ok(most.megabytes - before < 60, `${before.toFixed(0)} MB, then ${most.megabytes.toFixed(0)} MB`)
  endless.leave()
  const gone = await fetch(`${daemon.api}${VERSIONS}/meanwhile`, { method: 'DELETE', headers: daemon.headers })
  t.equal(gone.status, 204)
  await eventually('nothing to be left of them', () => files().length === had.length || undefined)
  t.same(files(), had)
})

t.test('uploads that never end are ended when their time is over, and leave no file and no name behind', async (t) => {
  const directory = t.testdir()
  const store = await openStore(directory)
  const { app, clock, secrets } = await adminApp(t, { store, limits: { uploadMs: 60_000 } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const admin = { api: `${url}/api/v1`, headers: { authorization: `Bearer ${secrets.get('admin')}` } }
  t.equal(await publish(admin, '1'), 201)
  const had = filesIn(directory)
  const endless = new EndlessUploads(t, admin)
  await eventually('all of them to be under way', () => underWay(directory) === ENDLESS || undefined)
  clock.advance(59_999)
  t.equal(await publish(admin, '2'), 201, 'another one, meanwhile')
  t.equal(endless.ended, 0)
  await store.remove('lab', '2')
  clock.advance(1)
  await eventually('all of them to be ended', () => endless.ended === ENDLESS || undefined)
  await eventually('nothing to be left of them', () => filesIn(directory).length === had.length || undefined)
  t.same(filesIn(directory), had)
  t.equal(await publish(admin, 'endless0'), 201)
})
