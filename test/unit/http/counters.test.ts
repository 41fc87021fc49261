import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { countRequests, newHttpCounters } from '../../../server/http/counters.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { eventually } from '../../support/netns.ts'

async function counted(t: Test) {
  const clock = new FakeClock()
  const counters = newHttpCounters()
  const begun: number[] = []
  const seconds: number[] = []
  const server = createServer((request, response) => {
    if (request.url === '/hang') return
    clock.advance(250)
    response.statusCode = request.url === '/' ? 200 : 404
    response.write('x')
    clock.advance(500)
    response.end('x')
  })
  countRequests(server, {
    counters,
    clock,
    onBegun: (took) => begun.push(took),
    onAnswered: (took) => seconds.push(took)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { server, counters, begun, seconds, port }
}

t.test('answers by status, and how long they took, the first byte and all of it', async (t) => {
  const { counters, begun, seconds, port } = await counted(t)
  for (const path of ['', 'no', 'never']) await (await fetch(`http://127.0.0.1:${port}/${path}`)).text()
  await eventually('three answers', () => seconds.length === 3 || undefined)
  t.match(counters, { requests: 3, requestsInFlight: 0, answers: { 200: 1, 404: 2 } })
  t.same(begun, [0.25, 0.25, 0.25])
  t.same(seconds, [0.75, 0.75, 0.75])
})

t.test('a request whose client goes away before its answer', async (t) => {
  const { counters, begun, seconds, port } = await counted(t)
  const request = get({ port, host: '127.0.0.1', path: '/hang' })
  request.on('error', () => {})
  await eventually('in flight', () => counters.requestsInFlight === 1 || undefined)
  request.destroy()
  await eventually('gone', () => counters.requestsInFlight === 0 || undefined)
  t.same(counters.answers, {})
  t.same([begun, seconds], [[], []])
})
