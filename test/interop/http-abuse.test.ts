// The boot face under abuse: honest clients are served, what is held stays bounded, and the log stays short.
import { execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { BootFace } from '../../server/http/boot-face.ts'
import { newHttpCounters } from '../../server/http/counters.ts'
import { adminApp } from '../fakes/admin.ts'
import { eventually } from '../support/netns.ts'

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

t.test('the admin face: slowloris takes no more descriptors than it may, and goes when its time is over', async (t) => {
  const { app } = await adminApp(t, { limits: { connections: 100, headMs: 2_000 } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = new URL(url)
  const get = async () => (await run('curl', ['-sS', '--fail', '--max-time', '5', `${url}/healthz`])).stdout
  t.match(await get(), /ok/, 'served before')
  const before = process.memoryUsage().rss
  let ended = 0
  for (let i = 0; i < 2_000; i++) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    socket.resume()
    socket.on('error', () => undefined)
    socket.once('connect', () => socket.write('GET /healthz HTTP/1.1\r\nx: '))
    socket.once('close', () => {
      ended += 1
    })
  }
  await eventually('all that is too much to be turned away', () => ended >= 1_900 || undefined)
  const open = await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))
  t.ok(Number(open) <= 100, `${open} connections`)
  await eventually('the slow ones to be closed', () => ended === 2_000 || undefined)
  t.match(await get(), /ok/, 'served after')
  const megabytes = (process.memoryUsage().rss - before) / 1e6
  t.ok(megabytes < 100, `${megabytes.toFixed(0)} MB more, the attacker's among them`)
})
