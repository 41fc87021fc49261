// kill -9 of the daemon itself while versions are published and promoted through its API: after it is started again, all
// that it had answered for is there, and of the rest nothing by half.
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../support/cli.ts'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { form } from '../support/form.ts'
import { layer } from '../support/squashfs.ts'

const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { enabled: false }
http: { boot: { address: 127.0.0.1, port: 0 }, admin: { port: 0 } }
`
/** Milliseconds after the first answer; each lands somewhere else in a publication or a promotion. */
const MOMENTS = [3, 40, 90, 170]

async function publish({ api, headers }: DaemonProcess, version: string): Promise<boolean> {
  const { payload, headers: type } = form(
    ['version', version],
    ['kernel', Buffer.alloc(300_000, version)],
    ['initrd', Buffer.alloc(300_000, 'initrd')],
    ['layer', layer(version)]
  )
  const options = { method: 'POST', headers: { ...headers, ...type }, body: payload }
  return (await fetch(`${api}/images/lab/versions`, options)).status === 201
}

async function promote({ api, headers }: DaemonProcess, version: string): Promise<boolean> {
  const options = {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ version })
  }
  return (await fetch(`${api}/images/lab/channels/stable`, options)).status === 200
}

async function get({ api, headers }: DaemonProcess, name: string) {
  const response = await fetch(`${api}${name}`, { headers })
  return response.status === 404 ? undefined : JSON.parse(await response.text())
}

/** Publishes and promotes on and on; ends when the daemon does. */
async function work(
  daemon: DaemonProcess,
  round: number,
  promised: { published: string[]; stable: string; asked: string }
) {
  try {
    for (let n = 0; ; n++) {
      const version = `${round}.${n}`
      if (await publish(daemon, version)) promised.published.push(version)
      promised.asked = version
      if (await promote(daemon, version)) promised.stable = version
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error // what fetch throws when the other end is gone
  }
}

t.test('what was answered for is there, whole, and nothing else', { timeout: 120_000 }, async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'rootcast.yaml'), CONFIG)
  const promised = { published: [] as string[], stable: '', asked: '' }
  for (const [round, ms] of MOMENTS.entries()) {
    const daemon = await startDaemonProcess(t, directory)
    const answered = promised.published.length
    const working = work(daemon, round, promised)
    while (promised.published.length === answered) await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, ms))
    await daemon.end('SIGKILL')
    await working

    const again = await startDaemonProcess(t, directory)
    const versions: readonly { version: string }[] = await get(again, '/images/lab/versions')
    const there = versions.map(({ version }) => version)
    t.same(
      promised.published.filter((version) => !there.includes(version)),
      [],
      'every version that was answered 201 is there'
    )
    t.ok(there.length - promised.published.length <= 1, 'and at most the one whose answer was under way')
    promised.published = there
    const channel: { version: string } | undefined = await get(again, '/images/lab/channels/stable')
    const stable = channel?.version ?? ''
    t.ok([promised.stable, promised.asked].includes(stable), `stable is ${stable}`)
    promised.stable = stable
    t.same(readdirSync(path.join(directory, 'store', 'ingest')), [], 'nothing is left of an unfinished publication')
    t.ok(await publish(again, `${round}.after`), 'and the next one is published')
    promised.published.push(`${round}.after`)
    await again.end('SIGKILL')
  }
})
