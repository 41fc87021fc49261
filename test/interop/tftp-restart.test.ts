// The server ends in the middle of transfers: its clients find out, and their next try succeeds.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { encodeAck } from '../../server/tftp/packet.ts'
import { enterOwnNetwork, eventually } from '../support/netns.ts'
import { RawTftpClient, TftpClientError, tftpFetch } from '../support/tftp-client.ts'
import { atftp, busyboxTftp, curl, digestOf, fetchWith, type Program, tftpHpa } from '../support/tftp-programs.ts'

const PROGRAM = path.join(import.meta.dirname, '../support/tftp-process.ts')
/** A process may take its time to start. */
const PATIENT = { timeout: 120_000 }
const AT = { address: '127.0.0.1', port: 69 }

await enterOwnNetwork()
const directory = t.testdir()
const body = randomBytes(100_000)
const sha256 = digestOf(body)
writeFileSync(path.join(directory, 'served'), body)

async function startServer(t: Test): Promise<ChildProcess> {
  const args = [PROGRAM, String(AT.port), path.join(directory, 'served')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(server, 'close')
  server.kill(signal)
  await closed
}

t.test(
  'killed in mid-transfer: the client hears that its transfer is gone, and gets the file anew',
  PATIENT,
  async (t) => {
    const server = await startServer(t)
    await using client = await RawTftpClient.open()
    client.read('image', {}, AT)
    const first = await client.next()
    if (!first) throw new Error('no answer')
    t.match(first.packet, { kind: 'data', block: 1 })
    await end(server, 'SIGKILL')
    const again = await startServer(t)

    // The kernel answers for the port that nobody has any more.
    const orphan = dgram.createSocket('udp4')
    orphan.connect(first.from.port, first.from.address)
    await once(orphan, 'connect')
    orphan.send(encodeAck(1))
    const [error] = await once(orphan, 'error')
    t.match(error, { code: 'ECONNREFUSED' })
    orphan.close()

    // A client that does not listen to ICMP asks again from the same port.
    client.read('image', {}, AT)
    t.match((await client.next())?.packet, { kind: 'data', block: 1 })
    t.equal((await tftpFetch(AT, 'image')).sha256, sha256)
    await end(again, 'SIGTERM')
  }
)

t.test('stopped in mid-transfer: the client is told with an ERROR', PATIENT, async (t) => {
  const server = await startServer(t)
  let acks = 0
  const slow = { options: { timeout: 1 }, losesAck: () => acks++ > 5 }
  const refusal = tftpFetch(AT, 'image', slow).then(
    () => undefined,
    (error: unknown) => error
  )
  await eventually('the transfer is under way', () => (acks > 5 ? true : undefined))
  await end(server, 'SIGTERM')
  t.match(await refusal, new TftpClientError(0, 'server is shutting down'))
})

const programs: readonly Program[] = [tftpHpa, busyboxTftp(512), curl(), atftp('windowsize 4')]
for (const program of programs) {
  t.test(`${program.what}: its try after a restart gets every byte`, PATIENT, async (t) => {
    const first = await startServer(t)
    await end(first, 'SIGKILL')
    const local = path.join(directory, 'got')
    // It asks while nobody is there, and is told so or waits: either way the next one succeeds.
    const early = fetchWith(program, AT, 'image', `${local}-early`, 8000).catch(() => 'gave up')
    const second = await startServer(t)
    t.match(await early, new RegExp(`${sha256}|gave up|^e3b0c4`))
    t.equal(await fetchWith(program, AT, 'image', local), sha256)
    await end(second, 'SIGTERM')
  })
}
