// Fifty thousand requests with borrowed addresses, and noise, against the daemon as it is run: honest clients are served,
// memory and descriptors stay bounded, and the log grows by summary lines.
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ErrorCode } from '../../server/tftp/packet.ts'
import { generator } from '../bench/lab/generators.ts'
import { type DaemonProcess, descriptors, Most, residentMegabytes, startDaemonWith } from '../support/daemon-process.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'
import { TftpClientError, tftpFetch } from '../support/tftp-client.ts'

const SERVER = '10.98.0.1'
const ATTACKER = '10.98.0.2'
/** What the attacker says to be: all of it is routed to where nobody answers. */
const BORROWED = '10.99.0.0'
const LOADER = 'ipxe/undionly.kpxe'
const PACKETS = 50_000
const TRANSFERS = 1000
/** The daemon's own, besides those of its transfers. */
const FEW_DESCRIPTORS = 150
/** A thousand transfers take 4 KB each; the rest is garbage that waits for its turn. */
const GROWTH_MEGABYTES = 60
/** A second flood needs no more than the first one. */
const AGAIN_MEGABYTES = 20
const CONFIG = `stateDir: state
images: { store: store }
dhcp: { mode: off }
tftp: { addresses: [${SERVER}, 127.0.0.1], limits: { transfers: ${TRANSFERS} } }
http: { boot: { address: 127.0.0.1, port: 0 }, admin: { port: 0 } }
`

async function neighbour(t: Test): Promise<Namespace> {
  const attacker = await Namespace.create()
  t.teardown(() => attacker[Symbol.asyncDispose]())
  await attacker.cable('flood0', 'flood1')
  await ip(`address add ${SERVER}/24 dev flood0`)
  await attacker.exec('ip', 'address', 'add', `${ATTACKER}/24`, 'dev', 'flood1')
  await ip(`route add ${BORROWED}/16 via ${ATTACKER}`)
  return attacker
}

/** Undefined for who answered so late, on a machine so busy, that its place was another's already. */
function fetchLoader() {
  return tftpFetch({ address: SERVER, port: 69 }, LOADER, {
    options: { blksize: 1428, tsize: 0 },
    localAddress: SERVER
  }).catch((error: unknown) => {
    if (error instanceof TftpClientError && error.errorCode === ErrorCode.unknownTransferId) return undefined
    throw error
  })
}

/** The honest clients go on for as long as the flood does; what they got, and the most that the daemon needed. */
async function during(flood: ChildProcess, daemon: DaemonProcess, sha256: string) {
  const ended = once(flood, 'close')
  let isOver = false
  using most = new Most(daemon)
  let served = 0
  let begunAnew = 0
  const honest = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const got = await fetchLoader()
      if (got && got.sha256 !== sha256) throw new Error('other bytes')
      if (got) served++
      else begunAnew++
    }
  })
  await ended
  isOver = true
  await Promise.all(honest)
  return { served, begunAnew, most }
}

t.test('floods', { timeout: 180_000 }, async (t) => {
  await enterOwnNetwork()
  const attacker = await neighbour(t)
  const daemon = await startDaemonWith(t, CONFIG)
  const flood = generator('flood')
  const before = await tftpFetch({ address: SERVER, port: 69 }, LOADER, { localAddress: SERVER })
  const atRest = residentMegabytes(daemon)
  let flooded = Number.NaN
  const attack = (...args: readonly string[]) =>
    attacker.spawn(flood, '--server', SERVER, '--first', BORROWED, '--packets', String(PACKETS), ...args)

  await t.test('T19: requests from ten thousand borrowed addresses', async (t) => {
    const { served, begunAnew, most } = await during(
      attack('--kind', 'rrq', '--name', LOADER, '--sources', '10000', '--rate', '3000'),
      daemon,
      before.sha256
    )
    t.ok(served > 4 && begunAnew <= served / 10, `${served} honest transfers meanwhile, ${begunAnew} begun anew`)
    t.ok(most.descriptors < TRANSFERS + FEW_DESCRIPTORS, `${most.descriptors} descriptors at most`)
    t.ok(most.megabytes - atRest < GROWTH_MEGABYTES, `${atRest.toFixed(0)} MB, then ${most.megabytes.toFixed(0)} MB`)
    flooded = most.megabytes
  })

  await t.test('T19: requests from one address that will not stop', async (t) => {
    const { served, most } = await during(
      attack('--kind', 'rrq', '--name', LOADER, '--sources', '1', '--rate', '5000'),
      daemon,
      before.sha256
    )
    t.ok(served > 4, `${served} honest transfers meanwhile`)
    t.ok(most.descriptors < TRANSFERS + FEW_DESCRIPTORS, `${most.descriptors} descriptors at most`)
  })

  await t.test('noise', async (t) => {
    const { served, most } = await during(
      attack('--kind', 'garbage', '--sources', '10000', '--rate', '5000'),
      daemon,
      before.sha256
    )
    t.ok(served > 4, `${served} honest transfers meanwhile`)
    t.ok(most.megabytes < flooded + AGAIN_MEGABYTES, `${most.megabytes.toFixed(0)} MB`)
  })

  await t.test('what is left of it when it is over', async (t) => {
    await eventually(
      'every transfer has ended',
      () => (descriptors(daemon) < FEW_DESCRIPTORS ? true : undefined),
      90_000
    )
    const told = await eventually(
      'the summary',
      () => {
        const found = daemon.lines.filter((line) => line.includes('TFTP: dropped in'))
        return /malformed/.test(found.join()) ? found : undefined
      },
      60_000
    )
    t.match(told.join('\n'), /unanswered/)
    t.match(told.join('\n'), /too-fast/)
    const others = daemon.lines.filter((line) => !line.includes('TFTP: transfer done'))
    t.ok(others.length < 60, `${others.length} lines in the log besides those of honest transfers`)
    const after = await promisify(execFile)('curl', ['-s', '-o', '/dev/null', `tftp://${SERVER}/${LOADER}`])
    t.equal(after.stderr, '')
  })
})
