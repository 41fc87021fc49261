import { once } from 'node:events'
import { Agent, get, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'
import { FakeStore } from '../../../fakes/image-store.ts'
import { fakeVersion } from '../../../fakes/versions.ts'
import { form } from '../../../support/form.ts'
import { eventually } from '../../../support/netns.ts'

const URL_OF_LAB = '/api/v1/images/lab/versions'
const FILES = [
  ['kernel', Buffer.from('kernel')],
  ['initrd', Buffer.from('initrd')],
  ['layer', Buffer.alloc(3 << 20)],
  ['layer', Buffer.from('top')]
] as const

t.test('each file goes to the store as it comes, and the version is there', async (t) => {
  const { call, store, audit } = await adminApp(t)
  const upload = form(['version', '1.0'], ['arguments', 'quiet'], ...FILES, ['notes', 'first'], ['arguments', 'ro'])
  const response = await call({ method: 'POST', url: URL_OF_LAB, scope: 'publish', ...upload })
  t.equal(response.statusCode, 201)
  t.equal(response.headers.location, '/api/v1/images/lab/versions/1.0')
  t.match(response.json(), { ...fakeVersion('lab', '1.0'), notes: 'first', arguments: ['quiet', 'ro'] })
  t.same(store.told, [
    'begin lab/1.0',
    'kernel 6 bytes, kernel.bin',
    'initrd 6 bytes, initrd.bin',
    'layer 3145728 bytes, layer.bin',
    'layer 3 bytes, layer.bin',
    'commit lab/1.0'
  ])
  t.match(await audit.list({ limit: 1 }), [{ action: 'version.publish', target: 'lab/1.0', actor: /^publish/ }])
})

t.test('what the store warns of reaches the publisher, and whoever looks later', async (t) => {
  const { call } = await adminApp(t)
  const published = await call({ method: 'POST', url: URL_OF_LAB, ...form(...FILES, ['notes', 'odd']) })
  const { version, warnings } = published.json()
  t.same(warnings, ['kernel: too good to be one'])
  t.same((await call({ url: `${URL_OF_LAB}/${version}` })).json(), published.json())
  t.same((await call({ url: URL_OF_LAB })).json(), [published.json()])
})

t.test('without a name a version is called after the minute, each differently', async (t) => {
  const { call } = await adminApp(t)
  const publish = async () => (await call({ method: 'POST', url: URL_OF_LAB, ...form(...FILES) })).json().version
  t.equal(await publish(), '2026.11.21-0142')
  t.equal(await publish(), '2026.11.21-0142.2')
  t.same((await Promise.all([publish(), publish()])).sort(), ['2026.11.21-0142.3', '2026.11.21-0142.4'])
})

t.test('what is wrong with an upload is said, and nothing of it is left', async (t) => {
  const kernel = ['kernel', Buffer.from('kernel')] as const
  const table: readonly [string, ReturnType<typeof form>, number, object][] = [
    ['an unknown file', form(kernel, ['shell', Buffer.from('x')]), 400, { code: 'PART_UNKNOWN', detail: /"shell"/ }],
    ['an unknown field', form(['colour', 'red'], kernel), 400, { code: 'PART_UNKNOWN', detail: /"colour"/ }],
    ['a file as text', form(['kernel', 'text']), 400, { errors: [{ field: 'body.kernel' }] }],
    ['text as a file', form(kernel, ['notes', Buffer.from('x')]), 400, { errors: [{ field: 'body.notes' }] }],
    ['a name that is none', form(['version', '../1'], kernel), 400, { errors: [{ field: 'body.version' }] }],
    ['two names', form(['version', '1'], ['version', '2'], kernel), 400, { errors: [{ field: 'body.version' }] }],
    [
      'a name too late',
      form(kernel, ['version', '1']),
      400,
      { errors: [{ field: 'body.version', message: 'must come before the files' }] }
    ],
    [
      'an argument with a line break',
      form(['arguments', 'a\nb'], kernel),
      400,
      { errors: [{ field: 'body.arguments' }] }
    ],
    ['notes of 17 KiB', form(['notes', 'x'.repeat(17 << 10)], kernel), 400, { errors: [{ field: 'body.notes' }] }],
    ['no file', form(['version', '1']), 400, { code: 'PART_MISSING' }],
    ['a version that is there', form(['version', 'old'], kernel), 409, { code: 'VERSION_EXISTS' }]
  ]
  for (const [name, upload, status, expected] of table) {
    const store = new FakeStore(fakeVersion('lab', 'old'))
    const { call } = await adminApp(t, { store })
    const response = await call({ method: 'POST', url: URL_OF_LAB, ...upload })
    t.equal(response.statusCode, status, name)
    t.match(response.headers['content-type'], 'application/problem+json')
    t.match(response.json(), expected, name)
    t.same(
      store.list().map(({ version }) => version),
      ['old'],
      name
    )
    const begun = store.told.filter((word) => word.startsWith('begin')).length
    t.equal(store.told.filter((word) => word.startsWith('abort')).length, begun, `${name}: given up`)
  }
})

t.test('a form that is cut off, and a body that is no form', async (t) => {
  const { call, store } = await adminApp(t)
  const whole = form(...FILES)
  for (const length of [0, 50, 300, 2 << 20]) {
    const payload = whole.payload.subarray(0, length)
    const response = await call({ method: 'POST', url: URL_OF_LAB, headers: whole.headers, payload })
    t.equal(response.statusCode, 400, `${length} bytes`)
  }
  t.same(store.list(), [])
  const json = await call({ method: 'POST', url: URL_OF_LAB, payload: {} })
  t.equal(json.statusCode, 415)
  const unbounded = await call({
    method: 'POST',
    url: URL_OF_LAB,
    payload: 'x',
    headers: { 'content-type': 'multipart/form-data' }
  })
  t.equal(unbounded.statusCode, 400)
})

t.test('a limit, where one is set', async (t) => {
  const { call, store } = await adminApp(t, { limits: { uploadBytes: 1 << 20 } })
  const response = await call({ method: 'POST', url: URL_OF_LAB, ...form(...FILES) })
  t.equal(response.statusCode, 413)
  t.equal(response.json().code, 'BODY_TOO_LARGE')
  t.same(store.list(), [])
})

t.test('an upload that never ends is ended, and leaves nothing', async (t) => {
  const { app, clock, store, secrets } = await adminApp(t, { limits: { uploadMs: 60_000 } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // TCP, so it is one
  const { payload, headers } = form(['version', '1'], ...FILES)
  const upload = request({
    port,
    method: 'POST',
    path: URL_OF_LAB,
    headers: { ...headers, authorization: `Bearer ${secrets.get('publish')}` }
  })
  let isOver = false
  upload.on('error', () => {})
  upload.once('close', () => (isOver = true))
  upload.write(payload.subarray(0, 1 << 20))
  const endless = setInterval(() => upload.write('x'.repeat(1000)), 5)
  t.teardown(() => clearInterval(endless))
  await eventually('the publication', () => store.told.find((told) => told.startsWith('begin')))
  clock.advance(60_000)
  await eventually('the end of it', () => isOver || undefined)
  await eventually('nothing of it', () => store.told.find((told) => told.startsWith('abort')))
  t.same(store.list(), [])
})

t.test('a publisher that goes away in the middle leaves nothing and holds no name', async (t) => {
  const { app, call, store, secrets } = await adminApp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // TCP, so it is one
  const { payload, headers } = form(['version', '1'], ...FILES)
  const upload = request({
    port,
    method: 'POST',
    path: URL_OF_LAB,
    headers: { ...headers, authorization: `Bearer ${secrets.get('publish')}`, 'content-length': payload.length }
  })
  upload.on('error', () => {})
  upload.write(payload.subarray(0, 1 << 20))
  const until = async (word: string) => {
    for (const deadline = Date.now() + 10_000; !store.told.some((told) => told.startsWith(word)); ) {
      if (Date.now() > deadline) throw new Error(`no ${word}: ${store.told}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  await until('initrd')
  upload.destroy()
  await until('abort')
  t.same(store.list(), [])
  const again = await call({ method: 'POST', url: URL_OF_LAB, ...form(['version', '1'], ...FILES) })
  t.equal(again.statusCode, 201)
})

t.test('a refusal reaches a publisher that is still sending, and its connection lives on', async (t) => {
  const { app, secrets } = await adminApp(t, { store: new FakeStore(fakeVersion('lab', '1')) })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo // TCP, so it is one
  let connections = 0
  app.server.on('connection', () => {
    connections += 1
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const authorization = `Bearer ${secrets.get('publish')}`
  const { payload, headers } = form(['version', '1'], ['kernel', Buffer.alloc(20 << 20)])
  const upload = request({
    agent,
    port,
    method: 'POST',
    path: URL_OF_LAB,
    headers: { ...headers, authorization, 'content-length': payload.length }
  })
  upload.end(payload)
  const [response] = await once(upload, 'response')
  t.equal(response.statusCode, 409)
  t.equal(JSON.parse((await response.toArray()).join('')).code, 'VERSION_EXISTS')

  const next = get({ agent, port, path: URL_OF_LAB, headers: { authorization } })
  const [answer] = await once(next, 'response')
  t.equal(answer.statusCode, 200)
  t.equal(connections, 1)
  answer.resume()
  await once(answer, 'end')
})

t.test('list, show, delete', async (t) => {
  const old = fakeVersion('lab', '1', '2026-01-01T00:00:00Z')
  const young = fakeVersion('lab', '2', '2026-02-01T00:00:00Z')
  const { call } = await adminApp(t, { store: new FakeStore(old, young, fakeVersion('other', '1')) })
  const described = [young, old].map((version) => ({ ...version, warnings: [] }))
  t.same((await call({ url: URL_OF_LAB })).json(), described)
  t.same((await call({ url: `${URL_OF_LAB}/1` })).json(), described[1])
  t.equal((await call({ method: 'DELETE', url: `${URL_OF_LAB}/1`, scope: 'publish' })).statusCode, 204)
  for (const method of ['GET', 'DELETE'] as const) {
    const response = await call({ method, url: `${URL_OF_LAB}/1` })
    t.equal(response.statusCode, 404)
    t.equal(response.json().code, 'VERSION_NOT_FOUND')
  }
  t.equal((await call({ url: '/api/v1/images/none/versions' })).json().code, 'IMAGE_NOT_FOUND')
})

t.test('what is used is not deleted, and by whom is said', async (t) => {
  const store = new FakeStore(fakeVersion('lab', '1'))
  const { call, channels, inventory, boots } = await adminApp(t, { store })
  await channels.move({ image: 'lab', channel: 'stable' }, '1', 'me')
  await inventory.createGroup({ name: 'room', image: 'lab', version: '1' }, 'me')
  boots.using = ['abc']
  const response = await call({ method: 'DELETE', url: `${URL_OF_LAB}/1` })
  t.equal(response.statusCode, 409)
  t.match(response.json(), { code: 'VERSION_IN_USE', usedBy: ['channel stable', 'group room', 'boot abc'] })
  t.ok(store.get('lab', '1'))
})

t.test('no channel moves to a version while it is deleted', async (t) => {
  const store = new FakeStore(fakeVersion('lab', '1'))
  const { call } = await adminApp(t, { store })
  const [removed, moved] = await Promise.all([
    call({ method: 'DELETE', url: `${URL_OF_LAB}/1` }),
    call({ method: 'PUT', url: '/api/v1/images/lab/channels/stable', payload: { version: '1' } })
  ])
  t.same([removed.statusCode, moved.statusCode], [204, 409])
})
