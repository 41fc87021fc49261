// A real nginx in front of the boot face: it sends the bytes of blobs (X-Accel-Redirect), the boot face all the rest.
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { ResourceRequest, TransferReport } from '../../server/boot/model.ts'
import { systemClock } from '../../server/clock.ts'
import { BootFace } from '../../server/http/boot-face.ts'
import { newHttpCounters } from '../../server/http/counters.ts'
import { parseAddress } from '../../server/net/address.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { eventually } from '../support/netns.ts'

const run = promisify(execFile)
const SIZE = 5_000_003
const CLIENT = '127.4.0.9'

/** As docs/operating.md has it, but for the paths. */
const configuration = (dir: string, port: number, facePort: number) => `user root;
worker_processes 1;
daemon off;
pid ${dir}/pid;
events {}
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `  ${what}_temp_path ${dir}/${what};`).join('\n')}
  server {
    listen 127.0.0.1:${port};
    sendfile on;
    tcp_nopush on;
    location / {
      proxy_pass http://127.0.0.1:${facePort};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Server-Address $server_addr;
    }
    location /internal-blobs/ {
      internal;
      alias ${dir}/blobs/;
    }
  }
}
`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

async function setUp(t: Test) {
  const dir = await temporaryDirectory(t)
  const bytes = Buffer.from(Array.from({ length: SIZE }, (_, index) => (index * 7) % 251))
  const hex = createHash('sha256').update(bytes).digest('hex')
  mkdirSync(join(dir, 'blobs/sha256'), { recursive: true })
  const path = join(dir, 'blobs/sha256', hex)
  writeFileSync(path, bytes)
  const asked: ResourceRequest[] = []
  const reports: TransferReport[] = []
  const face = await BootFace.create({
    resolve: async (request) => {
      asked.push(request)
      if (request.name === 'script') return { kind: 'text', body: Buffer.from('#!ipxe\n'), mediaType: 'text/plain' }
      if (request.name !== `blobs/sha256/${hex}`) return undefined
      const digest = `sha256:${hex}`
      return { kind: 'file', path, sizeBytes: SIZE, digest, mediaType: 'application/octet-stream', modifiedAt: 0 }
    },
    boots: { checkIn: () => 'ok' },
    report: (report) => reports.push(report),
    counters: newHttpCounters(),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    proxy: { addresses: ['127.0.0.1'], blobs: '/internal-blobs/' }
  })
  t.teardown(() => face.close(0))
  await face.listen('127.0.0.1', 0)
  const port = await freePort()
  writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port, face.port))
  const nginx = spawn('nginx', ['-c', join(dir, 'nginx.conf'), '-p', dir, '-e', 'stderr'], { stdio: 'ignore' })
  t.teardown(() => nginx.kill('SIGTERM'))
  let isUp = false
  await eventually('nginx', () => {
    const probe = connect(port, '127.0.0.1', () => (isUp = true))
    probe.on('error', () => undefined).on('connect', () => probe.destroy())
    return isUp || undefined
  })
  const out = join(dir, 'out')
  const curl = async (atPort: number, name: string, ...more: string[]) => {
    const url = `http://127.0.0.1:${atPort}/${name}`
    const args = ['-sS', '--fail', '--interface', CLIENT, '-o', out, '-D', '-', ...more, url]
    return (await run('curl', args, { timeout: 60_000 })).stdout
  }
  const digestOf = async (file: string) => (await run('sha256sum', [file])).stdout.slice(0, 64)
  return { face, port, hex, bytes, asked, reports, out, curl, digestOf, name: `blobs/sha256/${hex}` }
}

t.test('nginx sends a blob that the boot face named, and tells it who asks and where', async (t) => {
  const { port, name, hex, asked, reports, out, curl, digestOf } = await setUp(t)
  const head = await curl(port, name)
  t.match(head, /^HTTP\/1\.1 200.*content-length: 5000003/is)
  t.match(head, /content-type: application\/octet-stream/i)
  t.notMatch(head, /x-accel/i, 'the location stays between the two')
  t.equal(await digestOf(out), hex)
  t.match(asked.at(-1), { client: parseAddress(CLIENT), server: parseAddress('127.0.0.1') })
  t.match(reports, [{ outcome: 'started', totalBytes: SIZE, client: parseAddress(CLIENT) }], 'all that we can know')
})

t.test('a download is resumed by nginx', async (t) => {
  const { port, name, hex, bytes, out, curl, digestOf } = await setUp(t)
  writeFileSync(out, bytes.subarray(0, 3_000_001))
  t.match(
    await curl(port, name, '--continue-at', '-'),
    /^HTTP\/1\.1 206.*content-range: bytes 3000001-5000002\/5000003/is
  )
  t.equal(await digestOf(out), hex)
})

t.test('scripts come through', async (t) => {
  const { port, asked, curl } = await setUp(t)
  t.match(await curl(port, 'script'), /content-length: 7/i)
  t.match(asked.at(-1), { client: parseAddress(CLIENT) })
})

t.test('the location is for nginx alone', async (t) => {
  const { port, hex, curl } = await setUp(t)
  await t.rejects(curl(port, `internal-blobs/sha256/${hex}`), { message: /404/ })
})

t.test('who comes to the boot face directly gets bytes, whatever fields it sends', async (t) => {
  const { face, name, hex, asked, out, curl, digestOf } = await setUp(t)
  const lies = ['-H', 'X-Real-IP: 10.9.9.9', '-H', 'X-Server-Address: 10.9.9.1']
  t.notMatch(await curl(face.port, name, ...lies), /x-accel/i)
  t.equal(await digestOf(out), hex)
  t.match(asked.at(-1), { client: parseAddress(CLIENT), server: parseAddress('127.0.0.1') })
})
