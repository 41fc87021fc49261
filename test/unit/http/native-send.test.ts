import { once } from 'node:events'
import { open, truncate } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadNativeSend } from '../../../server/http/native-send.ts'

const native = await loadNativeSend()

function descriptor(socket: Socket): number {
  const { _handle } = socket as unknown as { _handle: { fd: number } } // Node's own, without a type
  return _handle.fd
}

/** Two ends of a connection. */
async function pair(t: Test): Promise<[here: Socket, there: Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const there = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  const [here]: Socket[] = await once(server, 'connection')
  t.teardown(() => {
    here?.destroy()
    there.destroy()
    server.close()
  })
  if (here === undefined) throw new Error('no connection')
  return [here, there]
}

t.test('bytes of a file, until the kernel is full', async (t) => {
  const path = join(t.testdir({ blob: 'abcdef'.repeat(200_000) }), 'blob')
  const file = await open(path)
  t.teardown(() => file.close())
  const [here, there] = await pair(t)
  if (native === undefined) throw new Error('koffi has a binary for every machine that tests run on')
  t.equal(native.bytes(descriptor(here), Buffer.from('head '), true), 5)
  t.equal(native.file(descriptor(here), file.fd, 2, 3), 3)
  let got = ''
  while (got.length < 8) got += (await once(there, 'data'))[0]
  t.equal(got, 'head cde')
  there.pause()
  let sent = 0
  for (;;) {
    const more = native.file(descriptor(here), file.fd, 0, 1_200_000)
    if (more === 0) break
    sent += more
  }
  t.ok(sent > 0)
  t.equal(native.bytes(descriptor(here), Buffer.from('x'), false), 0, 'full')
})

t.test('a file that ends sooner gives nothing, and nothing of it is cached', async (t) => {
  const path = join(t.testdir({ blob: 'abcdef' }), 'blob')
  const file = await open(path)
  t.teardown(() => file.close())
  const [here] = await pair(t)
  t.equal(native?.isCached(file.fd, 5), true)
  t.equal(native?.isCached(file.fd, 6), false)
  await truncate(path, 2)
  t.equal(native?.file(descriptor(here), file.fd, 2, 3), 0)
})

t.test('a connection that is broken', async (t) => {
  const path = join(t.testdir({ blob: 'abcdef' }), 'blob')
  const file = await open(path)
  t.teardown(() => file.close())
  const [here, there] = await pair(t)
  here.on('error', () => undefined)
  there.resetAndDestroy()
  await once(there, 'close')
  t.throws(() => native?.file(descriptor(here), file.fd, 0, 6), { code: /^(EPIPE|ECONNRESET)$/ })
  t.equal(native?.bytes(descriptor(here), Buffer.from('x'), false), 0)
})
