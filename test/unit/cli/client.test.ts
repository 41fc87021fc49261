import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import Type from 'typebox'
import { ApiClient } from '../../../server/cli/client.ts'

const Answer = Type.Object({ name: Type.String() })

async function serve(t: { teardown(run: () => void): void }, listener: RequestListener): Promise<ApiClient> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return new ApiClient({ url: `http://127.0.0.1:${port}/behind/a/proxy/`, token: 'rc_secret' })
}

t.test('sends its token, keeps the prefix of its URL, and checks what it gets', async (t) => {
  const client = await serve(t, ({ headers, url, method }, response) => {
    const name = `${method} ${url} ${headers.authorization}`
    response.end(JSON.stringify({ name, more: 1 }))
  })
  t.match(await client.get('/hosts', Answer), { name: 'GET /behind/a/proxy/api/v1/hosts Bearer rc_secret' })
  await t.rejects(client.get('/hosts', Type.Array(Answer)), { code: 'ANSWER_NOT_UNDERSTOOD' })
})

t.test('a problem becomes one line, with its code', async (t) => {
  const client = await serve(t, (_request, response) => {
    response.writeHead(409, { 'content-type': 'application/problem+json' })
    response.end(
      JSON.stringify({ code: 'VERSION_IN_USE', title: 'Conflict', detail: 'lab 1 is used by channel stable' })
    )
  })
  await t.rejects(client.delete('/x'), {
    code: 'VERSION_IN_USE',
    status: 409,
    message: 'lab 1 is used by channel stable',
    exitCode: 1
  })
})

t.test('a server that is no rootcast', async (t) => {
  const client = await serve(t, (_request, response) => response.writeHead(502).end('<html>Bad gateway</html>'))
  await t.rejects(client.get('/hosts', Answer), { code: 'HTTP_ERROR', message: 'the server answered 502' })
})

t.test('an upload that is refused half way ends with the refusal', async (t) => {
  const client = await serve(t, (request, response) => {
    request.once('data', () =>
      response.writeHead(409).end(JSON.stringify({ code: 'VERSION_EXISTS', detail: 'it is there' }))
    )
  })
  let sent = 0
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        sent += 65_536
        yield Buffer.alloc(65_536)
        await new Promise(setImmediate)
      }
    })()
  )
  const body = { contentType: 'application/octet-stream', contentLengthBytes: 1e12, stream: endless }
  await t.rejects(client.upload('/x', body, Answer), { code: 'VERSION_EXISTS' })
  const before = sent
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.ok(sent - before <= 65_536, 'and the rest is not sent')
})

t.test('events', async (t) => {
  const client = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(': hello\n\nevent: boot\ndata: {"name":"a"}\n\nevent: boot\ndata: {"name":"b"}\n\n')
  })
  const names: string[] = []
  for await (const { name } of client.events('/boots/events', Answer)) names.push(name)
  t.strictSame(names, ['a', 'b'])
})

t.test('a URL that is none', async (t) => {
  t.throws(() => new ApiClient({ url: '127.0.0.1:8070', token: '' }), { code: 'URL_INVALID', exitCode: 2 })
})
