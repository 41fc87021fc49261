import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { startDaemon } from '../../server/daemon.ts'
import { silentLog, temporaryDirectory, testConfig } from '../support/cli.ts'
import { recordingLog } from '../support/recording-log.ts'

const deps = { clock: systemClock, log: silentLog() }

t.test('starts on ports of its own, answers on every face, and leaves nothing behind', async (t) => {
  const directory = await temporaryDirectory(t)
  const daemon = await startDaemon(testConfig(directory), deps)

  t.match(await fetch(`${daemon.adminUrl}/healthz`).then((response) => response.json()), { status: 'ok' })
  t.equal((await fetch(`${daemon.adminUrl}/api/v1/images`)).status, 401)
  t.equal((await fetch(`http://127.0.0.1:${daemon.bootPort}/no-such-name`)).status, 404)
  t.ok(daemon.tftpPort)

  const { mode } = await stat(daemon.tokenFile)
  t.equal(mode & 0o777, 0o600, 'the token is for its owner alone')
  const headers = { authorization: `Bearer ${(await readFile(daemon.tokenFile, 'utf8')).trim()}` }
  t.equal((await fetch(`${daemon.adminUrl}/api/v1/images`, { headers })).status, 200)

  await daemon.close()
  await t.rejects(fetch(`${daemon.adminUrl}/healthz`))
})

t.test('starts again on what it kept, and makes no second token', async (t) => {
  const config = testConfig(await temporaryDirectory(t))
  const first = await startDaemon(config, deps)
  const token = await readFile(first.tokenFile, 'utf8')
  await first.close()

  const second = await startDaemon(config, deps)
  t.teardown(() => second.close())
  t.equal(await readFile(second.tokenFile, 'utf8'), token)
})

t.test('a boot face on IPv4 and on IPv6, by one port', async (t) => {
  const http = { boot: { address: ['127.0.0.1', '::1'], port: 0 }, admin: { port: 0 } }
  const daemon = await startDaemon(testConfig(await temporaryDirectory(t), { http }), deps)
  for (const host of ['127.0.0.1', '[::1]']) {
    const response = await fetch(`http://${host}:${daemon.bootPort}/no-such-name`)
    t.equal(response.status, 404)
    t.equal(await response.text(), 'not found\n')
  }
  await daemon.close()
  await t.rejects(fetch(`http://[::1]:${daemon.bootPort}/`))
})

t.test('a machine that is listening for events does not keep it from ending', async (t) => {
  const daemon = await startDaemon(testConfig(await temporaryDirectory(t)), deps)
  const headers = { authorization: `Bearer ${(await readFile(daemon.tokenFile, 'utf8')).trim()}` }
  const events = await fetch(`${daemon.adminUrl}/api/v1/boots/events`, { headers })
  t.equal(events.status, 200)
  await daemon.close()
  await events.body?.cancel().catch(() => undefined)
})

t.test('a second one on the same state directory is refused before it touches anything', async (t) => {
  const config = testConfig(await temporaryDirectory(t))
  const first = await startDaemon(config, deps)
  t.teardown(() => first.close())
  await t.rejects(startDaemon(config, deps), { code: 'ALREADY_RUNNING', message: /set stateDir/ })
})

t.test('a port already taken is named, and nothing is left running', async (t) => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => squatter.once('listening', resolve))
  t.teardown(() => squatter.close())
  const taken = squatter.address()
  const port = typeof taken === 'object' ? taken?.port : undefined
  const directory = await temporaryDirectory(t)

  const http = { boot: { address: '127.0.0.1', port: 0 }, admin: { port } }
  await t.rejects(startDaemon(testConfig(directory, { http }), deps), {
    code: 'PORT_TAKEN',
    message: `admin face: TCP port ${port} on 127.0.0.1 is taken; see by whom with: ss -ltnp 'sport = :${port}' – or set http.admin`
  })
  const daemon = await startDaemon(testConfig(directory), deps)
  await daemon.close()
})

t.test('an address that this machine does not have', async (t) => {
  const config = testConfig(await temporaryDirectory(t), { tftp: { addresses: ['192.0.2.1'], port: 0 } })
  await t.rejects(startDaemon(config, deps), { code: 'ADDRESS_NOT_HERE', message: /^TFTP: .*192\.0\.2\.1.*set tftp/ })
})

t.test('a network interface that is not there keeps nobody else from booting', async (t) => {
  const dhcp = { mode: 'proxy', interfaces: ['nosuch0'] }
  const config = testConfig(await temporaryDirectory(t), { dhcp })
  const { log, lines } = recordingLog()
  const daemon = await startDaemon(config, { ...deps, log })
  t.match(
    lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('DHCP')),
    ['DHCP waits for nosuch0: there is no such interface (see: ip link)']
  )
  await daemon.close()
})

t.test('a broken database is named, and left as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'state', 'rootcast.sqlite')
  await mkdir(path.dirname(file))
  await writeFile(file, 'this is no database, however long it may be'.repeat(100))
  await t.rejects(startDaemon(testConfig(directory), deps), { code: 'DATABASE_UNUSABLE', message: /put back a copy/ })
  t.match(await readFile(file, 'utf8'), /^this is no database/)
})

t.test('a state directory that cannot be one', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'state'), 'a file')
  await t.rejects(startDaemon(testConfig(directory), deps), { code: 'DIRECTORY_UNUSABLE', message: /set stateDir/ })
})

t.test('an image store that cannot be read', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(path.join(directory, 'store', 'blobs', 'sha256'), { recursive: true })
  await writeFile(path.join(directory, 'store', 'index.json'), 'not JSON')
  await writeFile(path.join(directory, 'store', 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await chmod(path.join(directory, 'store'), 0o755)
  await t.rejects(startDaemon(testConfig(directory), deps), { code: 'STORE_UNUSABLE', message: /images\.store/ })
})
