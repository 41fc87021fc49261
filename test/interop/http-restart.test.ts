// The daemon is ended and started again in the middle of downloads: who goes on where it stopped has every byte in the end.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { form } from '../fakes/admin.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { eventually } from '../support/netns.ts'
import { layer } from '../support/squashfs.ts'

const run = promisify(execFile)
const MAIN = path.join(import.meta.dirname, '../../server/main.js')
const PORT = 18_473
const KERNEL = Buffer.alloc(64_000_000)
for (let at = 0; at < KERNEL.length; at += 4096) KERNEL.writeUInt32BE(at, at)
const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { enabled: false }
http: { boot: { address: 127.0.0.1, port: ${PORT} }, admin: { port: 0 } }
`

async function start(t: Test, directory: string): Promise<{ child: ChildProcess; adminUrl: string }> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', path.join(directory, 'rootcast.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    const [, adminUrl] = /admin API: (http:[^"\s]+)/.exec(line) ?? []
    if (adminUrl === undefined) continue
    child.stdout.resume()
    return { child, adminUrl }
  }
  throw new Error('the daemon ended before it was ready')
}

async function publish(directory: string, adminUrl: string): Promise<string> {
  const token = (await readFile(path.join(directory, 'state', 'admin-token'), 'utf8')).trim()
  const files = [
    ['kernel', KERNEL],
    ['initrd', Buffer.from('initrd')],
    ['layer', layer('1')]
  ] as const
  const { payload, headers } = form(['version', '1'], ...files)
  const authorization = `Bearer ${token}`
  const options = { method: 'POST', headers: { ...headers, authorization }, body: payload }
  const response = await fetch(`${adminUrl}/api/v1/images/lab/versions`, options)
  const { kernel } = (await response.json()) as { kernel: { digest: string } }
  return kernel.digest
}

const CLIENTS: Record<string, (url: string, out: string) => readonly string[]> = {
  // Slow enough to be in the middle when the daemon goes.
  curl: (url, out) => ['curl', '-sS', '--fail', '--limit-rate', '2M', '-o', out, url],
  wget: (url, out) => ['wget', '-q', '--limit-rate=2M', '--tries=1', '-O', out, url]
}
const RESUMING: Record<string, (url: string, out: string) => readonly string[]> = {
  curl: (url, out) => [
    'curl',
    '-sS',
    '--fail',
    '--retry',
    '60',
    '--retry-connrefused',
    '--retry-delay',
    '1',
    '-C',
    '-',
    '-o',
    out,
    url
  ],
  wget: (url, out) => ['wget', '-q', '--tries=60', '--retry-connrefused', '--waitretry=1', '-c', '-O', out, url]
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`${signal} in the middle of downloads loses none of them`, { timeout: 240_000 }, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeFile(path.join(directory, 'rootcast.yaml'), CONFIG)
    const first = await start(t, directory)
    const digest = await publish(directory, first.adminUrl)
    const url = `http://127.0.0.1:${PORT}/blobs/${digest.replace(':', '/')}`
    const tagOf = async () => (await fetch(url, { method: 'HEAD' })).headers.get('etag')
    const before = await tagOf()

    const out = (client: string) => path.join(directory, client)
    const running = Object.entries(CLIENTS).map(([client, commandOf]) => {
      const [command = '', ...args] = commandOf(url, out(client))
      const child = spawn(command, args, { stdio: 'ignore' })
      return { client, over: once(child, 'exit') }
    })
    for (const { client } of running)
      await eventually(`${client} to be in the middle`, () => sizeOf(out(client)) > 1e6 || undefined)
    const ended = once(first.child, 'exit')
    first.child.kill(signal)
    await ended
    for (const { client, over } of running) {
      const [status] = await over
      t.not(status, 0, `${client} was cut off`)
      t.ok(sizeOf(out(client)) < KERNEL.length, `${client} had ${sizeOf(out(client))} bytes`)
    }

    const resumed = Object.entries(RESUMING).map(async ([client, commandOf]) => {
      const [command = '', ...args] = commandOf(url, out(client))
      await run(command, args, { timeout: 120_000 })
      return client
    })
    const second = await start(t, directory)
    t.equal(await tagOf(), before, 'the same tag')
    for (const client of await Promise.all(resumed))
      t.ok(readFileSync(out(client)).equals(KERNEL), `${client} has every byte`)
    const closed = once(second.child, 'exit')
    second.child.kill('SIGTERM')
    await closed
  })
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
