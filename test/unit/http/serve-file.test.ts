import { once } from 'node:events'
import { truncate, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Resource } from '../../../server/boot/model.ts'
import { ResponseOutlet } from '../../../server/http/outlet.ts'
import { planResponse } from '../../../server/http/response-plan.ts'
import { type Delivery, FileCutShort, representationOf, Sender } from '../../../server/http/serve-file.ts'
import { FakeClock } from '../../fakes/clock.ts'

const SIZE = 3_000_000

type Outcome = Delivery | unknown

async function blob(t: Test, bytes = Buffer.alloc(SIZE, 'rootcast')): Promise<Resource & { kind: 'file' }> {
  const path = join(t.testdir({}), 'blob')
  await writeFile(path, bytes)
  return { kind: 'file', path, sizeBytes: bytes.length, digest: undefined, mediaType: 'x/y', modifiedAt: 1000 }
}

/** A server that delivers one resource, and what each delivery came to. */
async function serving(t: Test, resource: Resource, clock = new FakeClock(), progress: number[] = []) {
  const outcomes: Promise<Outcome>[] = []
  const sender = new Sender({ clock, native: undefined })
  t.teardown(() => sender.close())
  const server = createServer((request, response: ServerResponse) => {
    const plan = planResponse('GET', request.headers, representationOf(resource))
    const told = (sent: number) => progress.push(sent)
    const deliver = async () => sender.deliver(new ResponseOutlet(response), plan, resource, told)
    outcomes.push(deliver().catch((error: unknown) => error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, port, outcomes }
}

t.test('a file of many reads arrives as it is', async (t) => {
  const bytes = Buffer.from(Array.from({ length: SIZE }, (_, index) => (index * 7) % 253))
  const { url, outcomes } = await serving(t, await blob(t, bytes))
  const response = await fetch(url)
  t.ok(Buffer.from(await response.arrayBuffer()).equals(bytes))
  t.same(await outcomes[0], { sentBytes: SIZE, failure: undefined })
})

t.test('ranges at and around the size of a read', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 800_000 }, (_, index) => index % 251))
  const { url } = await serving(t, await blob(t, bytes))
  for (const [start, end] of [
    [0, 1],
    [0, 262_144],
    [1, 262_144],
    [1, 262_146],
    [262_143, 786_433],
    [799_999, 800_000]
  ] as const) {
    const response = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } })
    t.ok(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(start, end)), `${start} to ${end}`)
  }
})

t.test('an empty file is an empty body', async (t) => {
  const { url } = await serving(t, await blob(t, Buffer.alloc(0)))
  t.equal((await fetch(url)).headers.get('content-length'), '0')
})

t.test(
  'a client that stops reading holds two reads and no more; one that goes away is a failure in words',
  async (t) => {
    const big = await blob(t, Buffer.alloc(64_000_000))
    const { port, outcomes } = await serving(t, big)
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.0\r\n\r\n')
    await once(socket, 'readable')
    socket.destroy()
    t.match(await outcomes[0], { failure: /^the client went away after \d+ of 64000000 bytes$/ })
  }
)

t.test(
  'a file that is shorter than it was breaks the connection: a short body must not pass as a whole one',
  async (t) => {
    const resource = await blob(t)
    const { url, outcomes } = await serving(t, resource)
    await truncate(resource.path, 1_000_000)
    await t.rejects(fetch(url).then((response) => response.arrayBuffer()))
    t.type(await outcomes[0], FileCutShort)
  }
)

t.test('where the bytes are is told once a second', async (t) => {
  const clock = new FakeClock()
  const progress: number[] = []
  const { url } = await serving(t, await blob(t), clock, progress)
  await (await fetch(url)).arrayBuffer()
  t.same(progress, [], 'not within the first one')
  const steady = { ...clock, now: () => 0, after: clock.after.bind(clock) }
  let now = 0
  const hurrying = { ...steady, monotonic: () => (now += 600) }
  const told: number[] = []
  const slow = await serving(t, await blob(t), hurrying as FakeClock, told)
  await (await fetch(slow.url)).arrayBuffer()
  t.ok(told.length > 1 && told.length < 12, `${told.length} times`)
  t.same(
    told,
    told.toSorted((a, b) => a - b)
  )
})

t.test('tags: a digest where there is one, size and date for other files, a hash for text', async (t) => {
  const file = { kind: 'file', path: '/x', sizeBytes: 255, mediaType: 'x/y', modifiedAt: 4096.7 } as const
  t.match(representationOf({ ...file, digest: 'sha256:aa' }), { etag: '"sha256:aa"', immutable: true })
  t.match(representationOf({ ...file, digest: undefined }), { etag: '"ff-1000"', immutable: false })
  const text = representationOf({ kind: 'text', body: Buffer.from('abc'), mediaType: 'text/plain' })
  t.match(text, { sizeBytes: 3, etag: /^"ba7816bf/, modifiedAt: undefined, immutable: false })
})
