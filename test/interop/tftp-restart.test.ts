// The daemon ends in the middle of TFTP transfers and is started again: its clients find out, and their next try succeeds.
import { randomBytes } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { encodeAck } from '../../server/tftp/packet.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { publishKernel, startDaemonProcess } from '../support/daemon-process.ts'
import { enterOwnNetwork, eventually } from '../support/netns.ts'
import { RawTftpClient, TftpClientError, tftpFetch } from '../support/tftp-client.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'

/** A process may take its time to start. */
const PATIENT = { timeout: 280_000 }
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

await enterOwnNetwork()

/** The daemon with a kernel to fetch, and how to start it again. */
async function serving(t: Test) {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'rootcast.yaml'), CONFIG)
  const first = await startDaemonProcess(t, directory)
  const name = await publishKernel(first, KERNEL)
  return { directory, first, name, again: () => startDaemonProcess(t, directory) }
}

t.test(
  'killed in mid-transfer: the client hears that its transfer is gone, and gets the file anew',
  PATIENT,
  async (t) => {
    const { first, name, again } = await serving(t)
    await using client = await RawTftpClient.open()
    client.read(name, {}, AT)
    const data = await client.next()
    if (!data) throw new Error('no answer')
    t.match(data.packet, { kind: 'data', block: 1 })
    await first.end('SIGKILL')
    const second = await again()

    // The kernel answers for the port that nobody has any more.
    const orphan = dgram.createSocket('udp4')
    orphan.connect(data.from.port, data.from.address)
    await once(orphan, 'connect')
    orphan.send(encodeAck(1))
    const [error] = await once(orphan, 'error')
    t.match(error, { code: 'ECONNREFUSED' })
    orphan.close()

    // A client that does not listen to ICMP asks again from the same port.
    client.read(name, {}, AT)
    t.match((await client.next())?.packet, { kind: 'data', block: 1 })
    await second.end('SIGTERM')
  }
)

t.test('stopped in mid-transfer: the client is told with an ERROR', PATIENT, async (t) => {
  const { first, name } = await serving(t)
  let acks = 0
  const slow = { options: { timeout: 1 }, losesAck: () => acks++ > 5 }
  const refusal = tftpFetch(AT, name, slow).then(
    () => undefined,
    (error: unknown) => error
  )
  await eventually('the transfer is under way', () => (acks > 5 ? true : undefined))
  await first.end('SIGTERM')
  t.match(await refusal, new TftpClientError(0, 'server is shutting down'))
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`${signal} in the middle of many transfers: every client gets every byte in the end`, PATIENT, async (t) => {
    const { directory, first, name, again } = await serving(t)
    const local = (i: number) => path.join(directory, `got-${i}`)
    const isOver = { now: false }
    const crowd = Array.from({ length: CROWD }, () => fetchOnAndOn(name, isOver))
    const fetching = PROGRAMS.map((program, i) => fetchLikeFirmware(program, name, local(i)))
    for (const [i, { what }] of PROGRAMS.entries()) {
      await eventually(`${what} to be in the middle`, () => sizeOf(local(i)) > 0 || undefined, 60_000)
    }
    await first.end(signal)
    const second = await again()

    for (const [i, ends] of (await Promise.all(fetching)).entries()) {
      t.equal(ends.at(-1), 'whole', `${PROGRAMS[i]?.what}: ${ends.join(', then ')}`)
      t.notOk(ends.includes('hung'), 'and it found out by itself')
    }
    isOver.now = true
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

async function fetchOnAndOn(name: string, isOver: { readonly now: boolean }) {
  const seen = { whole: 0, cutOff: 0 }
  while (!isOver.now) {
    const how = { options: { blksize: 1428, windowsize: 4 }, keep: false }
    const got = await tftpFetch(AT, name, how).catch(() => undefined)
    if (got && got.sha256 !== SHA256) throw new Error('other bytes')
    seen[got ? 'whole' : 'cutOff'] += 1
    if (!got) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return seen
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
