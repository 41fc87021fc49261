// The daemon is ended and started again in the middle of downloads: who goes on where it stopped has every byte in the end.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { temporaryDirectory } from '../support/cli.ts'
import { publishKernel, startDaemonProcess } from '../support/daemon-process.ts'
import { eventually } from '../support/netns.ts'

const run = promisify(execFile)
const PORT = 18_473
const KERNEL = Buffer.alloc(64_000_000)
for (let at = 0; at < KERNEL.length; at += 4096) KERNEL.writeUInt32BE(at, at)
const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { enabled: false }
http: { boot: { address: 127.0.0.1, port: ${PORT} }, admin: { port: 0 } }
`

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
    const first = await startDaemonProcess(t, directory)
    const url = `http://127.0.0.1:${PORT}/${await publishKernel(first, KERNEL)}`
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
    await first.end(signal)
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
    const second = await startDaemonProcess(t, directory)
    t.equal(await tagOf(), before, 'the same tag')
    for (const client of await Promise.all(resumed))
      t.ok(readFileSync(out(client)).equals(KERNEL), `${client} has every byte`)
    await second.end('SIGTERM')
  })
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
