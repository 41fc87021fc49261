import t from 'tap'
import { adminApp } from '../../../fakes/admin.ts'

t.test('the text that a scraper asks for, to a token of its own', async (t) => {
  const { call } = await adminApp(t)
  const plain = await call({ url: '/metrics', scope: 'metrics' })
  t.equal(plain.statusCode, 200)
  t.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(plain.body, '# prometheus\n')

  // As Prometheus 2.42 asks.
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const open = await call({ url: '/metrics', scope: 'metrics', headers: { accept } })
  t.equal(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.equal(open.body, '# openmetrics\n')
})

t.test('nobody scrapes without a token, and a scraper sees nothing else', async (t) => {
  const { call } = await adminApp(t)
  t.equal((await call({ url: '/metrics', scope: 'none' })).statusCode, 401)
  t.equal((await call({ url: '/metrics', scope: 'read' })).statusCode, 200)
  t.equal((await call({ url: '/api/v1/hosts', scope: 'metrics' })).statusCode, 403)
  t.equal((await call({ url: '/api/v1/boots', scope: 'metrics' })).statusCode, 403)
})

t.test('a scrape that fails is no scrape', async (t) => {
  const scrape = async () => {
    throw new Error('EIO: /var/lib/secret-path')
  }
  const { call } = await adminApp(t, { scrape })
  const response = await call({ url: '/metrics', scope: 'metrics' })
  t.equal(response.statusCode, 500)
  t.notMatch(response.body, 'secret-path')
})
