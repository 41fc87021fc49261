import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { AdminConnections } from '../../../server/http/admin-connections.ts'
import { createServer, type ServerResponse } from '../../../server/node-http.ts'
import { eventually } from '../../support/netns.ts'

const LIMIT = 3

/** A face whose requests for `/admin` are an administrator's, and are answered when the test says so. */
async function setUp(t: Test) {
  const drops: string[] = []
  const waiting: ServerResponse[] = []
  const connections = new AdminConnections({ limit: LIMIT, onDrop: (reason) => drops.push(reason) })
  const server = createServer((request, response) => {
    if (request.url === '/admin') connections.serve(request.socket, response)
    waiting.push(response)
  })
  server.on('connection', (socket) => connections.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // TCP, so it is one
  const mine: Socket[] = []
  t.teardown(() => {
    for (const socket of mine) socket.destroy()
    server.close()
  })
  /** One that has reached the server. */
  const client = async (text = '') => {
    const seen = once(server, 'connection')
    const socket = connect({ port, host: '127.0.0.1' })
    mine.push(socket)
    const heard = { text: '', isClosed: false, socket }
    socket.on('data', (chunk) => (heard.text += chunk))
    socket.on('error', () => undefined)
    socket.once('close', () => (heard.isClosed = true))
    socket.write(text)
    await seen
    return heard
  }
  const ask = async (path: string) => {
    const before = waiting.length
    const asker = await client(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await eventually('the request', () => waiting.length > before || asker.isClosed || undefined)
    return asker
  }
  return { drops, waiting, client, ask }
}

t.test('a newcomer takes the place of the oldest, be it idle, in its head or asking without a token', async (t) => {
  const { drops, client, ask } = await setUp(t)
  const olds = [await client(), await client('GET / HTTP/1.1\r\nx: '), await ask('/')]
  for (const old of olds) {
    const others = olds.filter(({ isClosed }) => !isClosed).length
    await ask('/admin')
    await eventually('the oldest to be closed', () => old.isClosed || undefined)
    t.equal(olds.filter(({ isClosed }) => !isClosed).length, others - 1, 'and no other')
  }
  t.same(new Set(drops), new Set(['connections without a token, to make room']))
  t.equal(drops.length, olds.length)
})

t.test('where administrators have all places, a newcomer is turned away until one is answered', async (t) => {
  const { drops, waiting, client, ask } = await setUp(t)
  const served = [await ask('/admin'), await ask('/admin'), await ask('/admin')]
  const refused = await client()
  await eventually('it to be closed', () => refused.isClosed || undefined)
  t.same(drops, ['connections beyond those that there may be'])
  waiting[1]?.end('done')
  await eventually('the answer', () => served[1]?.text.includes('done') || undefined)
  await ask('/admin')
  await eventually('the one that is idle now to be closed', () => served[1]?.isClosed || undefined)
  t.notOk(served[0]?.isClosed)
  t.notOk(served[2]?.isClosed)
})

t.test('who asks again before the answer keeps the place until the last one', async (t) => {
  const { waiting, client, ask } = await setUp(t)
  const twice = await client('GET /admin HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2))
  await eventually('both requests', () => waiting.length === 2 || undefined)
  waiting[0]?.end('first')
  await eventually('the first answer', () => twice.text.includes('first') || undefined)
  for (let i = 0; i < 2 * LIMIT; i++) await ask('/')
  t.notOk(twice.isClosed)
  waiting[1]?.end('second')
  await eventually('the second answer', () => twice.text.includes('second') || undefined)
})

t.test('a place that was left is free', async (t) => {
  const { drops, client, waiting, ask } = await setUp(t)
  for (let i = 0; i < 2 * LIMIT; i++) {
    const gone = i % 2 === 0 ? await client() : await ask('/admin')
    gone.socket.end()
    waiting.at(-1)?.end()
    await once(gone.socket, 'close')
  }
  t.same(drops, [])
})
