import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

const WS_01 = { name: 'ws-01', mac: '52:54:00:00:00:01', address: '10.0.0.7', arguments: ['quiet'] }

t.test('a host from its first day to its last', async (t) => {
  const { call, inventory } = await adminApp(t)
  t.same((await call({ url: '/api/v1/hosts' })).json(), [])

  const created = await call({ method: 'POST', url: '/api/v1/hosts', payload: WS_01 })
  t.equal(created.statusCode, 201)
  t.equal(created.headers.location, '/api/v1/hosts/ws-01')
  t.same(created.json(), WS_01)
  t.match(inventory.host('52:54:00:00:00:01'), { name: 'ws-01', address: 0x0a000007 })
  t.same((await call({ url: '/api/v1/hosts' })).json(), [WS_01])

  for (const name of ['ws-01', 'WS-01', '52:54:00:00:00:01', '52-54-00-00-00-01', '5254.0000.0001', '525400000001']) {
    t.same((await call({ url: `/api/v1/hosts/${name}` })).json(), WS_01, name)
  }

  const changed = { ...WS_01, name: 'ws-02', loader: 'grub', dhcpOptions: { '42': '0a000001', '51': '00000e10' } }
  t.same((await call({ method: 'PUT', url: '/api/v1/hosts/525400000001', payload: changed })).json(), changed)
  t.equal((await call({ url: '/api/v1/hosts/ws-01' })).statusCode, 404)

  t.equal((await call({ method: 'DELETE', url: '/api/v1/hosts/ws-02' })).statusCode, 204)
  t.equal((await call({ method: 'DELETE', url: '/api/v1/hosts/ws-02' })).json().code, 'HOST_NOT_FOUND')
  t.same(inventory.hosts(), [])
})

t.test('a MAC in any notation, a name in any case: inside there is one of each', async (t) => {
  const { call } = await adminApp(t)
  const payload = { name: 'WS-01', mac: '5254.00AB.CDEF' }
  t.same((await call({ method: 'POST', url: '/api/v1/hosts', payload })).json(), {
    name: 'ws-01',
    mac: '52:54:00:ab:cd:ef'
  })
})

t.test('what stands in the way is named', async (t) => {
  const { call } = await adminApp(t)
  await call({ method: 'POST', url: '/api/v1/hosts', payload: WS_01 })
  const table: readonly [object, string][] = [
    [{ ...WS_01, mac: '525400000002', address: '10.0.0.8' }, 'HOST_EXISTS'],
    [{ ...WS_01, name: 'ws-02', address: '10.0.0.8' }, 'MAC_IN_USE'],
    [{ ...WS_01, name: 'ws-02', mac: '525400000002' }, 'ADDRESS_IN_USE']
  ]
  for (const [payload, code] of table) {
    const response = await call({ method: 'POST', url: '/api/v1/hosts', payload })
    t.equal(response.statusCode, 409)
    t.match(response.json(), { code, usedBy: ['host ws-01'] })
  }
  const lost = await call({
    method: 'POST',
    url: '/api/v1/hosts',
    payload: { name: 'x', mac: '525400000009', group: 'no' }
  })
  t.equal(lost.statusCode, 409)
  t.equal(lost.json().code, 'GROUP_NOT_FOUND')
})

t.test('an image that is not published yet is fine', async (t) => {
  const { call } = await adminApp(t)
  const payload = { name: 'ws-01', mac: '52:54:00:00:00:01', image: 'soon', channel: 'stable' }
  t.equal((await call({ method: 'POST', url: '/api/v1/hosts', payload })).statusCode, 201)
})

t.test('what is not well said is refused, field by field, in words', async (t) => {
  const { call } = await adminApp(t)
  const fields = async (payload: object) =>
    (await call({ method: 'POST', url: '/api/v1/hosts', payload }))
      .json()
      .errors?.map((error: { field: string }) => error.field)
  const good = { name: 'ws-01', mac: '525400000001' }
  const table: readonly [object, readonly string[]][] = [
    [{}, ['body.name', 'body.mac']],
    [{ ...good, name: '-x' }, ['body.name']],
    [{ ...good, name: '52-54-00-00-00-01' }, ['body.name']],
    [{ ...good, name: 'a.b' }, ['body.name']],
    [{ ...good, mac: '52:54:00:00:00' }, ['body.mac']],
    [{ ...good, address: '10.0.0.256' }, ['body.address']],
    [{ ...good, address: '010.0.0.1' }, ['body.address']],
    [{ ...good, image: '../etc' }, ['body.image']],
    [{ ...good, colour: 'red' }, ['body.colour']],
    [{ ...good, loader: 'lilo' }, ['body.loader']],
    [{ ...good, arguments: ['quiet\nboot evil'] }, ['body.arguments.0']],
    [{ ...good, overlaySize: '0' }, ['body.overlaySize']],
    [{ ...good, dhcpOptions: { '255': '00' } }, ['body.dhcpOptions.255']],
    [{ ...good, dhcpOptions: { '42': '0' } }, ['body.dhcpOptions.42']],
    [{ ...good, dhcpOptions: { '51': '0e10' } }, ['body.dhcpOptions.51']],
    [{ ...good, dhcpOptions: { '58': '0000000708' } }, ['body.dhcpOptions.58']],
    [{ ...good, dhcpOptions: { '59': '00' } }, ['body.dhcpOptions.59']],
    [{ ...good, channel: 'stable', version: '1' }, ['body.version']],
    [{ ...good, group: null }, ['body.group']]
  ]
  for (const [payload, expected] of table) t.same(await fields(payload), expected, JSON.stringify(payload))
  const response = await call({ method: 'POST', url: '/api/v1/hosts', payload: { ...good, mac: 'x' } })
  t.equal(
    response.json().detail,
    'body.mac must be a MAC: twelve hex digits, with colons, hyphens, dots or nothing between them'
  )
})

t.test('replacing what is not there makes nothing', async (t) => {
  const { call, inventory } = await adminApp(t)
  const response = await call({ method: 'PUT', url: '/api/v1/hosts/ws-01', payload: WS_01 })
  t.equal(response.statusCode, 404)
  t.same(inventory.hosts(), [])
})
