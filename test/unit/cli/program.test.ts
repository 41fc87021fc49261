// The command line as a process: its exit codes, and what it says where.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { type Ran, startBench, temporaryDirectory, tinyImage } from '../../support/cli.ts'

const MAIN = path.join(import.meta.dirname, '../../../server/main.js')

function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (said.stdout += chunk))
  child.stderr.on('data', (chunk) => (said.stderr += chunk))
  const ran = once(child, 'close').then(([exitCode]): Ran => ({ exitCode: Number(exitCode), ...said }))
  return { child, said, ran }
}

const rootcast = (argv: readonly string[], env?: Readonly<Record<string, string>>) => start(argv, env).ran

t.test('a version from publication to roll-back', async (t) => {
  const { directory, env } = await startBench(t)
  const one = await tinyImage(directory, 'one')
  const two = await tinyImage(directory, 'two')

  const published = await rootcast(['image', 'publish', 'lab', ...one, '--version', '1', '--json'], env)
  t.equal(published.exitCode, 0, published.stderr)
  t.match(JSON.parse(published.stdout), { image: 'lab', version: '1', layers: [{ digest: /^sha256:/ }] })
  t.match(published.stderr, /^Publishing lab: .* of .*\n/, 'progress in plain lines, apart from the answer')

  t.match(await rootcast(['image', 'publish', 'lab', ...two, '--version', '2', '--promote', 'stable'], env), {
    exitCode: 0
  })
  t.match(await rootcast(['image', 'promote', 'lab', '1'], env), { stdout: 'lab: stable is now 1.\n' })
  t.match(await rootcast(['image', 'rollback', 'lab'], env), { stdout: 'lab: stable is now 2.\n' })

  const again = await rootcast(['image', 'publish', 'lab', ...one, '--version', '1'], env)
  t.match(again, { exitCode: 1, stdout: '', stderr: /rootcast: lab 1 is published already.*\n$/ })
})

t.test('serves until it is told to stop', { timeout: 60_000 }, async (t) => {
  const directory = await temporaryDirectory(t)
  const config = path.join(directory, 'rootcast.yaml')
  await writeFile(
    config,
    'stateDir: state\nimages: { store: store }\ndhcp: { mode: off }\ntftp: { enabled: false }\nhttp: { boot: { address: 127.0.0.1, port: 0 }, admin: { port: 0 } }\n'
  )
  const { child, said, ran } = start(['serve', '--config', config])
  while (!said.stdout.includes('ready; admin API: http://127.0.0.1:')) await once(child.stdout, 'data')
  t.match(said.stdout, `the first admin token is in ${path.join(directory, 'state', 'admin-token')}`)
  t.notMatch(said.stdout, /rc_[A-Za-z0-9]/, 'the token itself is nowhere')
  t.equal((await stat(path.join(directory, 'state', 'admin-token'))).mode & 0o777, 0o600)
  child.kill('SIGTERM')
  t.equal((await ran).exitCode, 0)
})

t.test('a config with three mistakes', async (t) => {
  const directory = await temporaryDirectory(t)
  const config = path.join(directory, 'rootcast.yaml')
  await writeFile(config, 'dhcp: { mode: on }\ntftp: { port: 70000 }\nhtpp: {}\n')
  const { exitCode, stdout, stderr } = await rootcast(['serve', '--config', config])
  t.equal(exitCode, 2)
  t.equal(stdout, '')
  t.equal(
    stderr,
    `rootcast: ${config} has 3 mistakes
  line 1: dhcp.mode: must be one of authoritative, proxy, off
  line 2: tftp.port: must be <= 65535
  line 3: htpp: unknown key; known here: stateDir, log, dhcp, dhcp6, tftp, http, images, boot
`
  )
})

t.test('used wrongly', async (t) => {
  t.match(await rootcast(['imgae']), { exitCode: 2, stderr: /unknown command 'imgae'/ })
  t.match(await rootcast(['host', 'add', 'pc1']), { exitCode: 2, stderr: /--mac/ })
  t.match(await rootcast(['host', 'list', '--url', 'ftp://x', '--token', 'y']), { exitCode: 2, stderr: /not the URL/ })
})

t.test('nobody there', async (t) => {
  const env = { ROOTCAST_URL: 'http://127.0.0.1:1', ROOTCAST_TOKEN: 'x' }
  t.match(await rootcast(['image', 'list'], env), {
    exitCode: 1,
    stderr: 'rootcast: http://127.0.0.1:1: nothing listens there; is rootcast running?\n'
  })
})
