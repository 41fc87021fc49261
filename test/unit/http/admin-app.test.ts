import t from 'tap'
import { adminApp } from '../../fakes/admin.ts'
import { broken, INTERNALS } from '../../fakes/broken.ts'

const PROBLEM = 'application/problem+json'

/** Every operation of the document, with something in the place of each parameter. */
function operations(document: { paths: Record<string, Record<string, unknown>> }) {
  const samples: Record<string, string> = { image: 'lab', version: '1', channel: 'stable', address: '10.0.0.7' }
  return Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase() as 'GET' | 'PUT' | 'POST' | 'DELETE',
      template,
      url: template.replaceAll(/\{(\w+)\}/g, (_, name: string) => samples[name] ?? 'x1')
    }))
  )
}

t.test('the document is OpenAPI 3.1 and has every route of the API', async (t) => {
  const { app } = await adminApp(t)
  const response = await app.inject('/documentation/json')
  const document = response.json()
  t.equal(response.statusCode, 200)
  t.match(document.openapi, /^3\.1\./)
  t.same(
    operations(document)
      .map(({ method, template }) => `${method} ${template}`)
      .sort(),
    [
      'DELETE /api/v1/groups/{group}',
      'DELETE /api/v1/hosts/{host}',
      'DELETE /api/v1/images/{image}/channels/{channel}',
      'DELETE /api/v1/images/{image}/versions/{version}',
      'DELETE /api/v1/leases/{address}',
      'DELETE /api/v1/tokens/{id}',
      'GET /api/v1/audit',
      'GET /api/v1/boots',
      'GET /api/v1/boots/events',
      'GET /api/v1/boots/{id}',
      'GET /api/v1/groups',
      'GET /api/v1/groups/{group}',
      'GET /api/v1/hosts',
      'GET /api/v1/hosts/{host}',
      'GET /api/v1/images',
      'GET /api/v1/images/{image}',
      'GET /api/v1/images/{image}/channels',
      'GET /api/v1/images/{image}/channels/{channel}',
      'GET /api/v1/images/{image}/channels/{channel}/history',
      'GET /api/v1/images/{image}/versions',
      'GET /api/v1/images/{image}/versions/{version}',
      'GET /api/v1/leases',
      'GET /api/v1/tokens',
      'GET /healthz',
      'GET /metrics',
      'POST /api/v1/groups',
      'POST /api/v1/hosts',
      'POST /api/v1/images/{image}/channels/{channel}/rollback',
      'POST /api/v1/images/{image}/versions',
      'POST /api/v1/tokens',
      'PUT /api/v1/groups/{group}',
      'PUT /api/v1/hosts/{host}',
      'PUT /api/v1/images/{image}/channels/{channel}'
    ]
  )
  const page = await app.inject('/documentation/')
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], 'text/html')
})

t.test('no operation answers without a token, or to a token that is not known', async (t) => {
  const { app, call } = await adminApp(t)
  const guarded = operations((await app.inject('/documentation/json')).json()).filter(({ url }) => url !== '/healthz')
  for (const { method, url } of guarded) {
    const missing = await call({ method, url, scope: 'none' })
    t.equal(missing.statusCode, 401, `${method} ${url}`)
    t.equal(missing.headers['www-authenticate'], 'Bearer realm="rootcast"')
    t.match(missing.headers['content-type'], PROBLEM)
    t.equal(missing.json().code, 'TOKEN_MISSING')
    const wrong = await call({ method, url, scope: 'none', headers: { authorization: 'Bearer rc_wrong' } })
    t.equal(wrong.statusCode, 401)
    t.equal(wrong.json().code, 'TOKEN_INVALID')
  }
})

t.test('a token that may only read changes nothing, and one that publishes does not administer', async (t) => {
  const { app, call } = await adminApp(t)
  const all = operations((await app.inject('/documentation/json')).json())
  const statusOf = async (scope: 'read' | 'publish', method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string) =>
    (await call({ method, url, scope })).statusCode
  for (const { method, url } of all.filter(({ url }) => !url.endsWith('/boots/events'))) {
    const isAdmin = /\/(tokens|audit)/.test(url) || (method !== 'GET' && /\/(hosts|groups|leases)/.test(url))
    const isPublish = method !== 'GET' && url.includes('/images/')
    const name = `${method} ${url}`
    t.equal((await statusOf('read', method, url)) === 403, isAdmin || isPublish, `read: ${name}`)
    t.equal((await statusOf('publish', method, url)) === 403, isAdmin, `publish: ${name}`)
  }
})

t.test('what fails inside is blank outside, and never looks like an absence', async (t) => {
  const { app, call } = await adminApp(t, {
    store: broken(),
    inventory: broken(),
    channels: broken(),
    journal: broken(),
    leases: broken(),
    audit: broken(),
    boots: broken(),
    checkDatabase: async () => {
      throw new Error(INTERNALS)
    },
    scrape: async () => {
      throw new Error(INTERNALS)
    }
  })
  const all = operations((await app.inject('/documentation/json')).json())
  const bodies: Record<string, object> = {
    '/api/v1/hosts': { name: 'ws-01', mac: '525400000001' },
    '/api/v1/hosts/{host}': { name: 'ws-01', mac: '525400000001' },
    '/api/v1/groups': { name: 'x1' },
    '/api/v1/groups/{group}': { name: 'x1' },
    '/api/v1/images/{image}/channels/{channel}': { version: '1' }
  }
  for (const { method, url, template } of all) {
    if (template.startsWith('/api/v1/tokens') || (method === 'POST' && template.endsWith('/versions'))) continue
    const payload = method === 'PUT' || method === 'POST' ? bodies[template] : undefined
    const response = await call({ method, url, ...(payload && { payload }) })
    t.equal(response.statusCode, 500, `${method} ${url}`)
    t.match(response.headers['content-type'], PROBLEM)
    t.equal(response.json().code, 'INTERNAL')
    t.notMatch(response.body, 'secret-path')
  }
})

t.test('each fault of a request has its code', async (t) => {
  const { call } = await adminApp(t)
  const json = { 'content-type': 'application/json' }
  const table: readonly [string, Parameters<typeof call>[0], number, string][] = [
    ['a path that is not there', { url: '/api/v1/nowhere' }, 404, 'NOT_FOUND'],
    ['a path outside the API', { url: '/nowhere', scope: 'none' }, 404, 'NOT_FOUND'],
    ['a method that is not there', { method: 'PUT', url: '/api/v1/hosts' }, 404, 'NOT_FOUND'],
    ['a URL that is none', { url: '/api/v1/hosts/%zz' }, 400, 'MALFORMED_URL'],
    [
      'JSON that is none',
      { method: 'POST', url: '/api/v1/hosts', payload: '{"na', headers: json },
      400,
      'MALFORMED_BODY'
    ],
    ['an empty body', { method: 'POST', url: '/api/v1/hosts', payload: '', headers: json }, 400, 'MALFORMED_BODY'],
    ['no body', { method: 'POST', url: '/api/v1/hosts' }, 400, 'INVALID_REQUEST'],
    [
      'another media type',
      { method: 'POST', url: '/api/v1/hosts', payload: 'a=b', headers: { 'content-type': 'text/plain' } },
      415,
      'UNSUPPORTED_MEDIA_TYPE'
    ],
    [
      'a body of 2 MiB',
      { method: 'POST', url: '/api/v1/hosts', payload: 'x'.repeat(2 << 20), headers: json },
      413,
      'BODY_TOO_LARGE'
    ],
    ['a query that is unknown', { url: '/api/v1/boots?colour=red' }, 400, 'INVALID_REQUEST'],
    ['a path that climbs', { url: '/api/v1/images/..%2f..%2fetc' }, 400, 'INVALID_REQUEST']
  ]
  for (const [name, request, status, code] of table) {
    const response = await call(request)
    t.equal(response.statusCode, status, name)
    t.match(response.headers['content-type'], PROBLEM)
    t.match(
      response.json(),
      { status, code, type: `urn:rootcast:problem:${code.toLowerCase().replaceAll('_', '-')}` },
      name
    )
  }
})

t.test('too many requests', async (t) => {
  const { call } = await adminApp(t, { limits: { requestsPerMinute: 2 } })
  const url = '/api/v1/hosts'
  t.equal((await call({ url })).statusCode, 200)
  t.equal((await call({ url })).statusCode, 200)
  const third = await call({ url })
  t.equal(third.statusCode, 429)
  t.equal(third.json().code, 'TOO_MANY_REQUESTS')
  t.ok(Number(third.headers['retry-after']) > 0)
})

t.test('no name of the API leads anywhere else, in whatever spelling', async (t) => {
  const { call } = await adminApp(t)
  const ways = ['..', '.', '../x', '/etc/passwd', 'a/b', '..\\x', 'a\0b', 'a\nb', '%2e%2e']
  const routes = [
    ['GET', (name: string) => `/images/${name}`],
    ['GET', (name: string) => `/images/${name}/versions`],
    ['GET', (name: string) => `/images/lab/versions/${name}`],
    ['DELETE', (name: string) => `/images/lab/versions/${name}`],
    ['GET', (name: string) => `/images/lab/channels/${name}`],
    ['DELETE', (name: string) => `/images/${name}/channels/stable`],
    ['GET', (name: string) => `/groups/${name}`],
    ['DELETE', (name: string) => `/groups/${name}`],
    ['GET', (name: string) => `/hosts/${name}`],
    ['DELETE', (name: string) => `/hosts/${name}`],
    ['GET', (name: string) => `/boots/${name}`],
    ['DELETE', (name: string) => `/leases/${name}`],
    ['DELETE', (name: string) => `/tokens/${name}`]
  ] as const
  for (const [method, route] of routes) {
    for (const way of ways) {
      const { statusCode } = await call({ method, url: `/api/v1${route(encodeURIComponent(way))}` })
      t.ok([400, 404].includes(statusCode), `${method} ${route(JSON.stringify(way))}: ${statusCode}`)
    }
  }
  for (const version of ways) {
    const url = '/api/v1/images/lab/channels/stable'
    t.equal((await call({ method: 'PUT', url, payload: { version } })).statusCode, 400)
  }
})
