import { EventEmitter, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Resource, ResourceRequest, TransferReport } from '../../../server/boot/model.ts'
import { BootFace, type BootFaceDeps } from '../../../server/http/boot-face.ts'
import { newHttpCounters } from '../../../server/http/counters.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { eventually } from '../../support/netns.ts'

const BYTES = Buffer.from(Array.from({ length: 700_000 }, (_, index) => index % 251))
const DIGEST = `sha256:${'a'.repeat(64)}`

function text(body: string): Resource {
  return { kind: 'text', body: Buffer.from(body), mediaType: 'text/plain; charset=utf-8' }
}

async function face(t: Test, deps: Partial<BootFaceDeps> = {}) {
  const path = join(t.testdir({}), 'blob')
  await writeFile(path, BYTES)
  const asked: ResourceRequest[] = []
  const reports: TransferReport[] = []
  const reporting = new EventEmitter()
  const file = { kind: 'file', path, sizeBytes: BYTES.length, modifiedAt: Date.UTC(2026, 0, 1) } as const
  const resources: Record<string, Resource> = {
    'boot.ipxe': text('#!ipxe\n'),
    'shimx64.efi': { ...file, digest: undefined, mediaType: 'application/efi' },
    'blobs/sha256/aa': { ...file, digest: DIGEST, mediaType: 'application/octet-stream' },
    'blobs/sha256/lost': { ...file, path: `${path}.lost`, digest: DIGEST, mediaType: 'application/octet-stream' }
  }
  const checkIns: [id: string, body: string][] = []
  const face = await BootFace.create({
    resolve: async (request) => {
      asked.push(request)
      return resources[request.name]
    },
    boots: {
      checkIn(id, body) {
        checkIns.push([id, body])
        if (id === 'nobody') return 'unknown-boot'
        return body === '' ? 'malformed' : 'ok'
      }
    },
    report(report) {
      reports.push(report)
      reporting.emit('report')
    },
    clock: new FakeClock(),
    counters: newHttpCounters(),
    log: pino({ level: 'silent' }),
    ...deps
  })
  t.teardown(() => face.close(0))
  /** The client has its last byte before the face has told of it. */
  const reported = async (count: number) => {
    while (reports.length < count) await once(reporting, 'report')
    return reports
  }
  /** Over a real socket: an injected response never tells that its bytes have left. */
  const get = async (url: string, headers: Record<string, string> = {}) => {
    if (face.port === 0) await face.listen('127.0.0.1', 0)
    const response = await fetch(`http://127.0.0.1:${face.port}${url}`, { headers })
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  }
  return { app: await face.app(), get, asked, reported, checkIns }
}

t.test('a file, whole', async (t) => {
  const { get, reported } = await face(t)
  const { status, headers, body } = await get('/blobs/sha256/aa')
  t.equal(status, 200)
  t.ok(body.equals(BYTES))
  t.equal(headers.get('etag'), `"${DIGEST}"`)
  t.equal(headers.get('content-length'), '700000')
  t.match(await reported(2), [
    { name: 'blobs/sha256/aa', via: 'http', client: 0x7f000001, outcome: 'started', doneBytes: 0, totalBytes: 700_000 },
    { outcome: 'ok', doneBytes: 700_000, totalBytes: 700_000, reason: undefined }
  ])
})

t.test('a part of a file, as whoever goes on with a download asks for it', async (t) => {
  const { get, reported } = await face(t)
  const { status, body } = await get('/blobs/sha256/aa', { range: 'bytes=300000-' })
  t.equal(status, 206)
  t.ok(body.equals(BYTES.subarray(300_000)))
  t.match(await reported(1), [{ outcome: 'ok', doneBytes: 700_000, totalBytes: 700_000 }])
})

t.test('a piece from the middle is progress, not the end', async (t) => {
  const { get, reported } = await face(t)
  const { body } = await get('/blobs/sha256/aa', { range: 'bytes=5-9' })
  t.ok(body.equals(BYTES.subarray(5, 10)))
  t.match(await reported(1), [{ outcome: 'progress', doneBytes: 10 }])
})

t.test('the address that was asked is known to the resolver', async (t) => {
  const { get, asked } = await face(t)
  await get('/boot.ipxe')
  t.match(asked[0], { client: 0x7f000001, server: 0x7f000001, via: 'http' })
})

t.test('HEAD has the headers alone, and is no transfer', async (t) => {
  const { app, reported } = await face(t)
  const response = await app.inject({ method: 'HEAD', url: '/shimx64.efi' })
  t.equal(response.statusCode, 200)
  t.match(response.headers, { 'content-length': '700000', 'content-type': 'application/efi' })
  t.equal(response.rawPayload.length, 0)
  t.same(await reported(0), [])
})

t.test('a script, with what the query says, whatever the Host header is', async (t) => {
  const { app, asked } = await face(t)
  const url = '/boot.ipxe?mac=52:54:00:12:34:56&uuid=&twice=1&twice=2'
  const response = await app.inject({ url, headers: { host: 'evil.example:99' } })
  t.equal(response.body, '#!ipxe\n')
  t.match(response.headers, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' })
  t.same(asked[0]?.query, { mac: '52:54:00:12:34:56', uuid: '', twice: '1' })
})

t.test('the same script has the same tag', async (t) => {
  const { app } = await face(t)
  const { etag } = (await app.inject('/boot.ipxe')).headers
  const again = await app.inject({ url: '/boot.ipxe', headers: { 'if-none-match': String(etag) } })
  t.equal(again.statusCode, 304)
})

t.test('slashes too many mean nothing', async (t) => {
  const { app, asked } = await face(t)
  t.equal((await app.inject('//blobs///sha256/aa')).statusCode, 200)
  t.equal(asked[0]?.name, 'blobs/sha256/aa')
})

t.test('a whole URL as target is a path', async (t) => {
  const { app, asked } = await face(t)
  await app.inject('http://192.168.77.1/boot.ipxe?mac=x')
  t.match(asked[0], { name: 'boot.ipxe', query: { mac: 'x' } })
})

for (const url of [
  '/nothing',
  '/',
  '/../etc/passwd',
  '/blobs/../../etc/passwd',
  '/%2e%2e/etc/passwd',
  '/blobs%2fsha256%2faa',
  '/blobs/sha256/aa%00',
  '/blobs%5csha256%5caa'
]) {
  t.test(`not found: ${url}`, async (t) => {
    const { app } = await face(t)
    const response = await app.inject(url)
    t.equal(response.statusCode, 404)
    t.equal(response.body, 'not found\n')
    t.match(response.headers['content-type'], 'text/plain')
  })
}

t.test('a path that can not be read is a bad request, in plain text', async (t) => {
  const { app } = await face(t)
  const response = await app.inject('/%zz')
  t.equal(response.statusCode, 400)
  t.equal(response.body, 'bad request\n')
})

t.test('names can not be changed here', async (t) => {
  const { app } = await face(t)
  t.equal((await app.inject({ method: 'PUT', url: '/blobs/sha256/aa', payload: 'x' })).statusCode, 404)
  t.equal((await app.inject({ method: 'DELETE', url: '/blobs/sha256/aa' })).statusCode, 404)
})

t.test('a resolver that fails is our failure, and nothing of it is told', async (t) => {
  const { app } = await face(t, {
    resolve: async () => {
      throw new Error('EIO: secret path')
    }
  })
  const response = await app.inject('/boot.ipxe')
  t.equal(response.statusCode, 500)
  t.equal(response.body, 'the server failed\n')
})

t.test('a file that is gone is our failure, not an absence', async (t) => {
  const { app, reported } = await face(t)
  const response = await app.inject('/blobs/sha256/lost')
  t.equal(response.statusCode, 500)
  t.match((await reported(2)).at(-1), { outcome: 'failed', reason: 'the server could not read the file' })
})

t.test('check-ins', async (t) => {
  const { app, checkIns } = await face(t)
  const post = (id: string, payload: string, type?: string) =>
    app.inject({
      method: 'POST',
      url: `/boots/${id}/checkins`,
      payload,
      headers: type === undefined ? {} : { 'content-type': type }
    })
  t.equal((await post('abc', 'up ok\nfine')).statusCode, 204, 'are plain text')
  t.equal((await post('abc', 'up ok', 'application/x-www-form-urlencoded')).statusCode, 204, 'whatever they are called')
  t.equal((await post('abc', 'up ok', 'application/json')).statusCode, 204)
  t.equal((await post('nobody', 'up ok')).statusCode, 404, 'of an unknown boot')
  t.equal((await post('abc', '')).statusCode, 400, 'that say nothing')
  t.equal((await post('abc', 'x'.repeat(9_000))).statusCode, 413, 'that say too much')
  t.same(checkIns[0], ['abc', 'up ok\nfine'])
})

t.test('who checks in, or asks for scripts, without end is asked to wait', async (t) => {
  const { app } = await face(t, { limits: { checkInsPerMinute: 2, scriptsPerMinute: 1 } })
  const post = () => app.inject({ method: 'POST', url: '/boots/abc/checkins', payload: 'up ok' })
  await post()
  await post()
  const refused = await post()
  t.equal(refused.statusCode, 429)
  t.equal(refused.body, 'too many requests\n')
  t.equal((await app.inject('/boot.ipxe?mac=1')).statusCode, 200)
  t.equal((await app.inject('/boot.ipxe?mac=2')).statusCode, 429)
  t.equal((await app.inject('/blobs/sha256/aa')).statusCode, 200, 'files are not counted')
})

t.test('how long the first byte and the last one took, of requests that are plain and of others', async (t) => {
  const clock = new FakeClock()
  const took = { begun: [] as number[], answered: [] as number[] }
  const { get, reported } = await face(t, {
    clock,
    resolve: async () => {
      clock.advance(30)
      return text('#!ipxe\n')
    },
    onBegun: (seconds) => took.begun.push(seconds),
    onAnswered: (seconds) => took.answered.push(seconds)
  })
  await get('/boot.ipxe')
  await get('/boot%2eipxe')
  await reported(4)
  await eventually('both are over', () => took.answered.length === 2 || undefined)
  t.same(took, { begun: [0.03, 0.03], answered: [0.03, 0.03] })
})
