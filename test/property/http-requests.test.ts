// Two readers of requests, one meaning: what is taken for a plain request is read by node:http in the very same way.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { parsePlainRequest } from '../../server/http/plain-request.ts'

const name = fc.oneof(
  fc.constantFrom('Host', 'range', 'If-Range', 'Connection', 'connection', 'Content-Length', 'Expect', 'X ', ''),
  fc.string({ minLength: 1, maxLength: 8 })
)
const value = fc.oneof(
  fc.constantFrom('keep-alive', 'close', 'bytes=0-9', '0', 'upgrade'),
  fc.string({ maxLength: 12 })
)
const lineEnd = fc.oneof({ weight: 60, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r', '\r\n ', ''))
const line = fc.tuple(name, fc.constantFrom(':', ': ', ' : ', ':\t'), value, lineEnd).map((parts) => parts.join(''))
const head = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'HEAD', 'POST', ''),
    fc.constantFrom(' ', ' ', ' ', '  ', '\t'),
    fc.oneof(fc.webPath(), fc.string({ maxLength: 10 }), fc.constant('/boot.ipxe?mac=52:54:00:00:00:01&uuid=')),
    fc.constantFrom(' HTTP/1.1', ' HTTP/1.0', ' HTTP/1.2', ''),
    lineEnd,
    fc.array(line, { maxLength: 4 }),
    lineEnd
  )
  .map(([method, blank, target, version, end, lines, last]) =>
    [method, blank, target, version, end, ...lines, last].join('')
  )

/** As real clients write it. */
const plainHead = fc
  .tuple(fc.constantFrom('GET', 'HEAD'), fc.constantFrom('/', '/boot.ipxe?mac=52:54:00:00:00:01', '/blobs/sha256/aa'))
  .map(([method, target]) => `${method} ${target} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\nAccept: */*\r\n\r\n`)

t.test('a head that is cut short, or has anything behind it, is not a plain request', async (t) => {
  fc.assert(
    fc.property(plainHead, fc.nat({ max: 200 }), fc.oneof(plainHead, fc.string({ minLength: 1 })), (text, at, more) => {
      const whole = Buffer.from(text)
      if (!parsePlainRequest(whole)) throw new Error('the whole head is none')
      if (parsePlainRequest(whole.subarray(0, at % whole.length))) throw new Error('a part of a head is one')
      if (parsePlainRequest(Buffer.concat([whole, Buffer.from(more)]))) throw new Error('more than a head is one')
    })
  )
  t.pass()
})

t.test(
  'whatever bytes of a head are changed, what is still plain has a method, a path and no strange byte',
  async (t) => {
    const change = fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(plainHead, fc.array(change, { minLength: 1, maxLength: 6 }), (text, changes) => {
        const mutant = Buffer.from(text)
        for (const [at, byte] of changes) mutant[at % mutant.length] = byte
        const request = parsePlainRequest(mutant)
        if (!request) return
        const { method, target, headers } = request
        const said = [method, target, ...Object.entries(headers).flat()].join('')
        if (!/^(GET|HEAD)\//.test(said) || /[^\t -~]/.test(said)) throw new Error(JSON.stringify(request))
      }),
      { numRuns: 5000 }
    )
    t.pass()
  }
)

t.test('a plain request means to node:http what it means here', async (t) => {
  const seen: IncomingMessage[] = []
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    seen.push(request)
    response.writeHead(200, { 'content-length': 0 }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  let plain = 0
  await fc.assert(
    fc.asyncProperty(head, async (text) => {
      const bytes = Buffer.from(text, 'latin1')
      const ours = parsePlainRequest(bytes)
      if (ours === undefined) return
      plain += 1
      seen.length = 0
      const socket = connect(port, '127.0.0.1')
      socket.end(bytes)
      let answer = ''
      socket.on('data', (chunk) => (answer += chunk))
      await once(socket, 'close')
      const [theirs] = seen
      t.equal(seen.length, 1)
      t.equal(theirs?.method, ours.method)
      t.equal(theirs?.url, ours.target)
      t.strictSame({ ...theirs?.headers }, { ...ours.headers })
      t.equal(/^connection: keep-alive\r$/im.test(answer), ours.keepAlive)
    }),
    { numRuns: 20_000 }
  )
  t.ok(plain > 200, `${plain} of them are plain`)
})
