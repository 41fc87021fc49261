import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Boot, BootEvent } from '../../../../server/boot/model.ts'
import { adminApp } from '../../../fakes/admin.ts'

const MAC = '52:54:00:00:00:01'

const BOOT: Boot = {
  id: 'abc',
  mac: MAC,
  address: 0x0a000007,
  host: undefined,
  arch: 'x64-uefi',
  state: 'booting',
  image: 'lab',
  version: '1',
  startedAt: 1_000,
  updatedAt: 2_000
}

const EVENT: BootEvent = {
  bootId: 'abc',
  mac: MAC,
  at: 1_000,
  step: 'kernel',
  outcome: 'progress',
  detail: 'fetching',
  doneBytes: 5,
  totalBytes: undefined,
  bytesPerSecond: 7
}

const SHOWN = {
  id: 'abc',
  mac: MAC,
  address: '10.0.0.7',
  arch: 'x64-uefi',
  state: 'booting',
  image: 'lab',
  version: '1',
  startedAt: 1_000,
  updatedAt: 2_000
}
const SHOWN_EVENT = {
  bootId: 'abc',
  mac: MAC,
  at: 1_000,
  step: 'kernel',
  outcome: 'progress',
  detail: 'fetching',
  doneBytes: 5,
  bytesPerSecond: 7
}

t.test('boots are listed, filtered, and shown with their timeline', async (t) => {
  const { call, journal } = await adminApp(t)
  t.same((await call({ url: '/api/v1/boots' })).json(), [])
  journal.save(BOOT, EVENT)
  journal.save({ ...BOOT, id: 'old', state: 'ended', startedAt: 500 }, undefined)
  const ids = async (query: string) =>
    (await call({ url: `/api/v1/boots${query}` })).json().map(({ id }: { id: string }) => id)
  t.same(await ids(''), ['abc', 'old'])
  t.same(await ids('?limit=1'), ['abc'])
  t.same(await ids('?state=ended'), ['old'])
  t.same(await ids('?mac=52-54-00-00-00-01'), ['abc', 'old'])
  t.same(await ids('?mac=525400000002'), [])
  t.same((await call({ url: '/api/v1/boots/abc' })).json(), { boot: SHOWN, events: [SHOWN_EVENT] })
  const missing = await call({ url: '/api/v1/boots/none' })
  t.equal(missing.statusCode, 404)
  t.equal(missing.json().code, 'BOOT_NOT_FOUND')
})

async function listening(t: Test, query = '') {
  const admin = await adminApp(t)
  await admin.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = admin.app.server.address() as AddressInfo // TCP, so it is one
  const headers = { authorization: `Bearer ${admin.secrets.get('read')}` }
  const call = get({ port, path: `/api/v1/boots/events${query}`, headers })
  const [response]: IncomingMessage[] = await once(call, 'response')
  if (!response) throw new Error('no response')
  response.setEncoding('utf8')
  const [hello] = await once(response, 'data')
  return { ...admin, response, hello }
}

t.test('what happens is told as it happens', async (t) => {
  const { boots, response, hello } = await listening(t)
  t.equal(response.statusCode, 200)
  t.match(response.headers['content-type'], 'text/event-stream')
  t.equal(hello, ': listening\n\n')
  boots.tell(EVENT)
  t.equal((await once(response, 'data'))[0], `event: boot\ndata: ${JSON.stringify(SHOWN_EVENT)}\n\n`)
  response.destroy()
})

t.test('of one machine alone, when asked so', async (t) => {
  const { boots, response } = await listening(t, '?mac=525400000002')
  boots.tell(EVENT)
  boots.tell({ ...EVENT, mac: '52:54:00:00:00:02', detail: 'mine' })
  t.match((await once(response, 'data'))[0], /^event: boot\ndata: .*"mine"/)
  response.destroy()
})

t.test('a listener that goes is forgotten', async (t) => {
  const { boots, response } = await listening(t)
  t.equal(boots.listeners.size, 1)
  response.destroy()
  for (let n = 0; n < 1_000 && boots.listeners.size > 0; n++) await new Promise((resolve) => setTimeout(resolve, 5))
  t.equal(boots.listeners.size, 0)
})

t.test('closing the server ends it in good order, at once', async (t) => {
  const { app, boots, response } = await listening(t)
  const ended = once(response, 'end')
  response.resume()
  await app.close()
  await ended
  t.equal(boots.listeners.size, 0)
})
