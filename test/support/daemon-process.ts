// The daemon as it is run, in a process of its own: to be killed, and to be started again on what it kept.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { form } from './form.ts'
import { layer } from './squashfs.ts'

const MAIN = path.join(import.meta.dirname, '../../server/main.js')

/** What a test gives back when it ends. */
interface Teardown {
  teardown(run: () => unknown): void
}

export interface DaemonProcess {
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
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /admin API: (http:[^"\s]+)/.exec(line) ?? []
    if (url === undefined) continue
    child.stdout.resume()
    const token = (await readFile(path.join(directory, 'state', 'admin-token'), 'utf8')).trim()
    return { api: `${url}/api/v1`, headers: { authorization: `Bearer ${token}` }, end }
  }
  throw new Error('the daemon ended before it was ready')
}

/** Version `1` of an image; answers with the name of its kernel on the boot face and in TFTP. */
export async function publishKernel({ api, headers }: DaemonProcess, kernel: Buffer): Promise<string> {
  const parts = form(['version', '1'], ['kernel', kernel], ['initrd', Buffer.from('initrd')], ['layer', layer('1')])
  const options = { method: 'POST', headers: { ...headers, ...parts.headers }, body: parts.payload }
  const response = await fetch(`${api}/images/lab/versions`, options)
  const published: { kernel: { digest: string } } = JSON.parse(await response.text())
  return `blobs/${published.kernel.digest.replace(':', '/')}`
}
