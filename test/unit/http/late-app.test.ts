import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { LateApp } from '../../../server/http/late-app.ts'
import { createServer } from '../../../server/node-http.ts'

async function serving(t: Test, load: ConstructorParameters<typeof LateApp>[0]) {
  const errors: unknown[] = []
  const app = new LateApp(load, { error: (fault: unknown) => errors.push(fault) })
  const server = createServer(app.answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    await app.close()
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo // TCP, so it is one
  const post = (body: string) => fetch(`http://127.0.0.1:${port}/echo`, { method: 'POST', body })
  return { errors, post }
}

function echo() {
  const app = fastify()
  app.post('/echo', async (request) => request.body)
  return app
}

t.test('is loaded by the first request, once for all that come meanwhile', async (t) => {
  let loaded = 0
  const { post } = await serving(t, async () => {
    loaded += 1
    return echo()
  })
  t.equal(loaded, 0)
  const responses = await Promise.all(['one', 'two', 'three'].map(post))
  t.same(await Promise.all(responses.map((response) => response.text())), ['one', 'two', 'three'])
  t.equal(loaded, 1)
})

t.test('what could not be loaded is told, answered with 503, and tried again', async (t) => {
  let tries = 0
  const { post, errors } = await serving(t, async () => {
    tries += 1
    if (tries === 1) throw new Error('ENOMEM')
    return echo()
  })
  t.equal((await post('one')).status, 503)
  t.match(errors, [{ err: { message: 'ENOMEM' } }])
  t.equal(await (await post('two')).text(), 'two')
})

t.test('the daemon itself loads no framework of the admin face', async (t) => {
  const listPackages = `
    import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context)
        packages.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1])
        return found
      }
    })
    await import('./server/daemon.ts')
    console.log([...packages].join(' '))`
  const root = join(import.meta.dirname, '../../..')
  const command = ['--input-type=module', '--eval', listPackages]
  const packages = execFileSync(process.execPath, command, { cwd: root, encoding: 'utf8' }).trim().split(' ')
  t.ok(packages.includes('kysely'), 'it has been looked')
  t.notOk(packages.includes('fastify') || packages.includes('typebox'), packages.join(' '))
})
