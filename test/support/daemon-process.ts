// The daemon as it is run, in a process of its own: to be killed, to be started again on what it kept, and to be watched.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { temporaryDirectory } from './cli.ts'
import { form } from './form.ts'
import { layer } from './squashfs.ts'

const MAIN = path.join(import.meta.dirname, '../../server/main.js')

/** What a test gives back when it ends. */
interface Teardown {
  teardown(run: () => unknown): void
}

export interface DaemonProcess {
  readonly pid: number
  /** Of its log, so far. */
  readonly lines: readonly string[]
  /** `http://127.0.0.1:8070/api/v1` */
  readonly api: string
  /** The first admin token, as a header. */
  readonly headers: Readonly<Record<string, string>>
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** By `rootcast.yaml` of that directory, whose stateDir is `state`; resolves when it is ready. */
export async function startDaemonProcess(t: Teardown, directory: string): Promise<DaemonProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', path.join(directory, 'rootcast.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const closed = once(child, 'close')
  t.teardown(() => child.kill('SIGKILL'))
  const end: DaemonProcess['end'] = async (signal) => {
    child.kill(signal)
    await closed
  }
  const lines: string[] = []
  const log = createInterface({ input: child.stdout })
  log.on('line', (line) => lines.push(line))
  const ended = once(log, 'close').then(() => {
    throw new Error('the daemon ended before it was ready')
  })
  ended.catch(() => undefined)
  for (;;) {
    const [, url] = /admin API: (http:[^"\s]+)/.exec(lines.join('\n')) ?? []
    if (url !== undefined) {
      const token = (await readFile(path.join(directory, 'state', 'admin-token'), 'utf8')).trim()
      const headers = { authorization: `Bearer ${token}` }
      return { pid: child.pid ?? 0, lines, api: `${url}/api/v1`, headers, end }
    }
    await Promise.race([once(log, 'line'), ended])
  }
}

/** The same, with this configuration, in a directory of its own. */
export async function startDaemonWith(t: Teardown, config: string): Promise<DaemonProcess> {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'rootcast.yaml'), config)
  return startDaemonProcess(t, directory)
}

export function residentMegabytes({ pid }: DaemonProcess): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

export function descriptors({ pid }: DaemonProcess): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

const SAMPLE_MS = 50

/** The most that a daemon needs from now until this is disposed of. */
export class Most implements Disposable {
  megabytes = 0
  descriptors = 0
  readonly #sampler: NodeJS.Timeout

  constructor(daemon: DaemonProcess) {
    this.#sampler = setInterval(() => {
      this.megabytes = Math.max(this.megabytes, residentMegabytes(daemon))
      this.descriptors = Math.max(this.descriptors, descriptors(daemon))
    }, SAMPLE_MS)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sampler)
  }
}

/** Version `1` of an image; answers with the name of its kernel on the boot face and in TFTP. */
export async function publishKernel({ api, headers }: DaemonProcess, kernel: Buffer): Promise<string> {
  const parts = form(['version', '1'], ['kernel', kernel], ['initrd', Buffer.from('initrd')], ['layer', layer('1')])
  const options = { method: 'POST', headers: { ...headers, ...parts.headers }, body: parts.payload }
  const response = await fetch(`${api}/images/lab/versions`, options)
  const published: { kernel: { digest: string } } = JSON.parse(await response.text())
  return `blobs/${published.kernel.digest.replace(':', '/')}`
}
