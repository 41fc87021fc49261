// The daemon is ended and started again in the middle of TFTP transfers, while others go on fetching: whoever was cut off
// finds out by itself, and gets every byte when it tries again, as firmware does.
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../support/cli.ts'
import { publishKernel, startDaemonProcess } from '../support/daemon-process.ts'
import { enterOwnNetwork, eventually } from '../support/netns.ts'
import { tftpFetch } from '../support/tftp-client.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'

const AT = { address: '127.0.0.1', port: 69 }
const KERNEL = randomBytes(6_000_000)
const SHA256 = digestOf(KERNEL)
const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { addresses: [${AT.address}] }
http: { boot: { address: 127.0.0.1, port: 0 }, admin: { port: 0 } }
`
/** Who hears nothing more gives up sooner, every one of them. */
const GIVES_UP_MS = 90_000
const TRIES = 20
const PAUSE_MS = 500
const CROWD = 4
const PROGRAMS: readonly Program[] = [
  tftpHpa,
  busyboxTftp(512),
  // Of itself it would wait for an hour.
  curl('--max-time', '30'),
  curl('--max-time', '30', '--tftp-blksize', '1428'),
  atftp(),
  atftp('blksize 1428', 'windowsize 4')
]

/** As often as firmware would: how each try ended. What counts is the file, for some programs leave by 0 without it. */
async function fetchLikeFirmware(program: Program, name: string, local: string): Promise<readonly string[]> {
  const ends: string[] = []
  while (ends.at(-1) !== 'whole' && ends.length < TRIES) {
    const got = await fetchWith(program, AT, name, local, GIVES_UP_MS).catch((error: { killed?: boolean }) =>
      error.killed ? 'hung' : 'failed'
    )
    ends.push(got === SHA256 ? 'whole' : got === 'hung' ? got : 'failed')
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return ends
}

await enterOwnNetwork()

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`${signal} in the middle of transfers`, { timeout: 280_000 }, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeFile(path.join(directory, 'rootcast.yaml'), CONFIG)
    const first = await startDaemonProcess(t, directory)
    const name = await publishKernel(first, KERNEL)
    const local = (i: number) => path.join(directory, `got-${i}`)

    let isOver = false
    const crowd = Array.from({ length: CROWD }, async () => {
      const seen = { whole: 0, cutOff: 0 }
      while (!isOver) {
        const got = await tftpFetch(AT, name, { options: { blksize: 1428, windowsize: 4 }, keep: false }).catch(
          () => undefined
        )
        if (got && got.sha256 !== SHA256) throw new Error('other bytes')
        seen[got ? 'whole' : 'cutOff'] += 1
        if (!got) await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return seen
    })
    const fetching = PROGRAMS.map((program, i) => fetchLikeFirmware(program, name, local(i)))
    for (const [i, { what }] of PROGRAMS.entries()) {
      await eventually(`${what} to be in the middle`, () => sizeOf(local(i)) > 0 || undefined, 60_000)
    }
    await first.end(signal)
    const second = await startDaemonProcess(t, directory)

    for (const [i, ends] of (await Promise.all(fetching)).entries()) {
      t.equal(ends.at(-1), 'whole', `${PROGRAMS[i]?.what}: ${ends.join(', then ')}`)
      t.notOk(ends.includes('hung'), 'and it found out by itself')
    }
    isOver = true
    const seen = await Promise.all(crowd)
    t.ok(
      seen.some(({ cutOff }) => cutOff > 0),
      'some of the others were cut off'
    )
    t.ok(
      seen.every(({ whole }) => whole > 0),
      'and all of them were served'
    )
    await second.end('SIGTERM')
  })
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
