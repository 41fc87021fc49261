import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type ConnectionLimits, Connections, DEFAULT_LIMITS } from '../../../server/http/connections.ts'
import type { Outlet } from '../../../server/http/outlet.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { eventually } from '../../support/netns.ts'

const REQUEST = 'GET /x HTTP/1.1\r\n\r\n'

/** More than two sockets hold. */
const BIG_BYTES = 16_000_000

/** Answers `/x` with its target; `/wait` when the test says so, with the outlet. */
async function setUp(t: Test, limits: Partial<ConnectionLimits> = {}) {
  const clock = new FakeClock()
  const asked: string[] = []
  const drops: string[] = []
  const waiting: { outlet: Outlet; end: () => void }[] = []
  const http = createHttpServer({ requireHostHeader: false }, (request, response) => {
    request.resume().once('end', () => response.end(`by node:http ${request.url}`))
  })
  const connections = new Connections({
    clock,
    native: undefined,
    limits: { ...DEFAULT_LIMITS, ...limits },
    trusted: new Set(),
    answer: async ({ target }, _ends, outlet) => {
      asked.push(target)
      const body = target === '/big' ? Buffer.alloc(BIG_BYTES) : Buffer.from(target)
      if (target === '/wait') await new Promise<void>((end) => waiting.push({ outlet, end }))
      if (target === '/bug') throw new Error('a bug')
      outlet.begin(200, { 'content-length': body.length }, body, false)
      outlet.end()
    },
    handOver: (socket) => http.emit('connection', socket),
    count: () => ({ begun: () => undefined, ended: () => undefined }),
    onError: () => undefined,
    onDrop: (reason) => drops.push(reason)
  })
  http.on('request', (request, response) => {
    connections.takenOver(request)
    response.once('close', () => connections.answered(request.socket))
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => connections.add(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const mine: Socket[] = []
  t.teardown(() => {
    server.close()
    connections.destroy()
    for (const socket of mine) socket.destroy()
  })
  /** What a client of one connection has heard so far. */
  const client = async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    mine.push(socket)
    const heard = { text: '', isClosed: false, socket }
    socket.on('data', (chunk) => (heard.text += chunk))
    socket.on('error', () => undefined)
    socket.on('end', () => (heard.isClosed = true))
    socket.on('close', () => (heard.isClosed = true))
    await once(socket, 'connect')
    return heard
  }
  const hears = (heard: { text: string }, what: RegExp) =>
    eventually(`${what} in what was heard`, () => what.test(heard.text) || undefined)
  const isClosed = (heard: { isClosed: boolean }) => eventually('closed', () => heard.isClosed || undefined)
  const there = (count: number) => eventually(`${count} connections`, () => connections.size === count || undefined)
  return { connections, http, clock, asked, drops, waiting, client, hears, isClosed, there }
}

t.test('one request after the other on one connection', async (t) => {
  const { client, hears } = await setUp(t)
  const one = await client()
  one.socket.write(REQUEST)
  await hears(one, /200 OK.*connection: keep-alive\r\n\r\n\/x$/s)
  one.socket.write('GET /second HTTP/1.1\r\n\r\n')
  await hears(one, /\/second$/)
})

t.test('a client that sends no more still has its answer, and then the end', async (t) => {
  const { client, hears, isClosed } = await setUp(t)
  const one = await client()
  one.socket.end(REQUEST)
  await hears(one, /\/x$/)
  await isClosed(one)
})

t.test('a request that comes before its turn waits', async (t) => {
  const { client, hears, waiting } = await setUp(t)
  const one = await client()
  one.socket.write('GET /wait HTTP/1.1\r\n\r\n')
  await eventually('the first', () => waiting[0])
  one.socket.write('GET /next HTTP/1.1\r\n\r\n')
  one.socket.write('POST /last HTTP/1.1\r\ncontent-length: 1\r\n\r\nx')
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(one.text, '')
  waiting[0]?.end()
  await hears(one, /\/wait.*\/next.*by node:http \/last/s)
})

t.test('who asks and does not read is not heard until it reads', async (t) => {
  const { client, asked, hears } = await setUp(t)
  const one = await client()
  one.socket.pause()
  one.socket.write('GET /big HTTP/1.1\r\n\r\n')
  await eventually('the first', () => asked[0])
  one.socket.write(REQUEST)
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  t.same(asked, ['/big'])
  one.socket.resume()
  await hears(one, /\/x$/)
})

t.test('what is not plain is answered by node:http, and so is what follows it', async (t) => {
  const { client, hears, http } = await setUp(t)
  const one = await client()
  one.socket.write('GET /half HTTP/1.1\r\n')
  await once(http, 'connection')
  one.socket.write('\r\n')
  await hears(one, /by node:http \/half/)
  one.socket.write(REQUEST)
  await hears(one, /by node:http \/x/)
})

t.test('a bug of ours breaks its connection, and no other', async (t) => {
  const { client, hears, isClosed } = await setUp(t)
  const one = await client()
  const other = await client()
  one.socket.write('GET /bug HTTP/1.1\r\n\r\n')
  await isClosed(one)
  other.socket.write(REQUEST)
  await hears(other, /200 OK/)
})

t.test('one address may have so many connections, and one more when one is over', async (t) => {
  const { client, there, isClosed, hears, drops } = await setUp(t, { connectionsPerAddress: 2 })
  const first = await client()
  await client()
  await there(2)
  await isClosed(await client())
  t.same(drops, ['too-many-of-address'])
  first.socket.destroy()
  await there(1)
  const next = await client()
  next.socket.write(REQUEST)
  await hears(next, /200 OK/)
})

t.test('when there are too many, the longest idle one makes room; nobody does who is being answered', async (t) => {
  const { client, there, isClosed, hears, drops, waiting } = await setUp(t, { connections: 2 })
  const asking = await client()
  asking.socket.write('GET /wait HTTP/1.1\r\n\r\n')
  await eventually('the request', () => waiting[0])
  const idle = await client()
  await there(2)
  const next = await client()
  await isClosed(idle)
  next.socket.write('GET /wait HTTP/1.1\r\n\r\n')
  await eventually('both requests', () => waiting[1])
  await isClosed(await client())
  t.same(drops, ['to-make-room', 'too-many'])
  for (const { end } of waiting) end()
  await hears(asking, /200 OK/)
  await hears(next, /200 OK/)
})

t.test('slowloris: who has sent no whole request in time is closed; who has had an answer, too', async (t) => {
  const { client, there, isClosed, hears, clock, drops } = await setUp(t, { idleSeconds: 15 })
  const silent = await client()
  const dribbling = await client()
  dribbling.socket.write('GET / HTTP/1.1\r\n')
  const served = await client()
  await there(3)
  clock.advance(14_000)
  dribbling.socket.write('a: b\r\n')
  served.socket.write(REQUEST)
  await hears(served, /200 OK/)
  clock.advance(2_000)
  await isClosed(silent)
  await isClosed(dribbling)
  t.same(drops, ['no-request', 'no-request'])
  t.notOk(served.isClosed)
  clock.advance(16_000)
  await isClosed(served)
  t.equal(drops.length, 2, 'which is nobody’s fault')
})

t.test('a body that does not end', async (t) => {
  const { client, there, isClosed, clock, drops } = await setUp(t, { stalledSeconds: 60 })
  const one = await client()
  one.socket.write('POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nx')
  await there(1)
  for (let second = 0; second < 70 && !one.isClosed; second++) {
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await isClosed(one)
  t.same(drops, ['endless-request'])
})

t.test('a download of which nothing is taken any more', async (t) => {
  const { client, isClosed, clock, drops, waiting } = await setUp(t, { stalledSeconds: 60 })
  const one = await client()
  one.socket.write('GET /wait HTTP/1.1\r\n\r\n')
  const { outlet } = await eventually('the request', () => waiting[0])
  for (let minute = 0; minute < 3; minute++) {
    outlet.passed(61_441)
    clock.advance(60_000)
  }
  t.same(drops, [], '1 KB a second is a download')
  outlet.passed(61_000)
  clock.advance(60_000)
  await isClosed(one)
  t.same(drops, ['stalled-download'])
  t.equal(outlet.gone, 'the client took hardly anything for 60 s')
})

t.test('closing ends what is idle at once, and what is being answered when it is', async (t) => {
  const { connections, client, there, isClosed, hears, waiting } = await setUp(t)
  const idle = await client()
  const asking = await client()
  asking.socket.write('GET /wait HTTP/1.1\r\n\r\n')
  await eventually('the request', () => waiting[0])
  await there(2)
  let isOver = false
  const over = connections.close().then(() => (isOver = true))
  await isClosed(idle)
  t.equal(isOver, false)
  waiting[0]?.end()
  await hears(asking, /\/wait$/)
  idle.socket.end()
  asking.socket.end()
  await over
})
