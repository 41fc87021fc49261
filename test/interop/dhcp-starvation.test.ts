// A hundred thousand machines that nobody owns ask for addresses, and then also take them: known hosts and machines with
// a lease are served meanwhile by the daemon as it is run, in bounded memory, and the log grows by summary lines.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { generator } from '../bench/lab/generators.ts'
import { type DaemonProcess, Most, residentMegabytes, startDaemonWith } from '../support/daemon-process.ts'
import { enterOwnNetwork, eventually, ip, Namespace } from '../support/netns.ts'

const SERVER = '10.98.0.1'
const RELAY = '10.98.0.2'
const LINK = 'starve0'
const THERE = 'starve1'
const MACHINES = 100_000
const PACKETS_PER_SECOND = 12_000
/** Of each kind: known hosts, and others that have a lease. */
const HONEST = 20
const GROWTH_MEGABYTES = 60
/** Of leases that change hands a thousand are told of in a minute. */
const LEASE_LINES = 2_500
/** Those that ask take the burst of strangers and their share of each second, and there is room for them. */
const CONFIG = `stateDir: state
images: { store: store }
dhcp:
  mode: authoritative
  interfaces: [${LINK}]
  subnets: [{ subnet: 10.98.0.0/16, pools: [{ from: 10.98.16.0, to: 10.98.79.255 }] }]
tftp: { enabled: false }
http: { boot: { address: 127.0.0.1, port: 0 }, admin: { port: 0 } }
`

interface Exchanges {
  readonly seconds: number
  readonly leased: number
  readonly failed: number
  readonly timeouts: number
}

async function neighbour(): Promise<Namespace> {
  const machines = await Namespace.create()
  await machines.cable(LINK, THERE)
  await ip(`address add ${SERVER}/16 dev ${LINK}`)
  await machines.exec('ip', 'address', 'add', `${RELAY}/16`, 'dev', THERE)
  return machines
}

/** What dhcp.c calls machine `id`. */
function macOf(id: number): string {
  return `52:54:00:00:00:${id.toString(16).padStart(2, '0')}`
}

async function addHost({ api, headers }: DaemonProcess, id: number): Promise<void> {
  const { status } = await fetch(`${api}/hosts`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `pc-${id}`, mac: macOf(id) })
  })
  if (status !== 201) throw new Error(`host ${id}: ${status}`)
}

async function printed<T>(program: ChildProcess): Promise<T> {
  const [out] = await Promise.all([text(program.stdout ?? process.stdin), once(program, 'close')])
  return JSON.parse(out)
}

t.test('DHCP starvation', { timeout: 240_000 }, async (t) => {
  await enterOwnNetwork()
  await using machines = await neighbour()
  const daemon = await startDaemonWith(t, CONFIG)
  for (let id = 0; id < HONEST; id++) await addHost(daemon, id)
  const exchange = (first: number, count = HONEST): Promise<Exchanges> =>
    printed(
      machines.spawn(
        generator('dhcp'),
        ...[
          '--relay',
          RELAY,
          '--server',
          SERVER,
          '--first',
          String(first),
          '--clients',
          String(count),
          '--at-once',
          '4'
        ]
      )
    )
  const before = await exchange(HONEST)
  t.equal(before.leased, HONEST, 'machines that have a lease before it begins')
  const atRest = residentMegabytes(daemon)
  const linesBefore = daemon.lines.length

  for (const [round, kind] of ['discover', 'lease'].entries()) {
    await t.test(`D9: ${MACHINES} random MACs: ${kind}`, async (t) => {
      const attack = ['--kind', kind, '--device', THERE, '--packets', String(MACHINES), '--seed', String(round + 1)]
      const flood = machines.spawn(generator('flood'), ...attack, '--rate', String(PACKETS_PER_SECOND))
      let isOver = false
      const told = printed<{ sent: number; acks: number }>(flood).finally(() => {
        isOver = true
      })
      using most = new Most(daemon)
      const sum = { exchanges: 0, failed: 0, timeouts: 0, slowest: 0 }
      while (!isOver) {
        for (const first of [0, HONEST]) {
          const { leased, failed, timeouts, seconds } = await exchange(first)
          sum.exchanges += leased
          sum.failed += failed
          sum.timeouts += timeouts
          sum.slowest = Math.max(sum.slowest, seconds)
        }
      }
      const { sent, acks } = await told
      t.ok(sent >= MACHINES, `${sent} packets, ${acks} addresses taken`)
      t.ok(sum.exchanges >= 2 * HONEST && sum.failed === 0, JSON.stringify(sum))
      const { megabytes } = most
      t.ok(megabytes - atRest < GROWTH_MEGABYTES, `${atRest.toFixed(0)} MB, then ${megabytes.toFixed(0)} MB`)
    })
  }

  await t.test('what is left of it when it is over', async (t) => {
    const strangers = await exchange(2 * HONEST)
    t.equal(strangers.leased, HONEST, 'machines that were never seen get an address')
    const told = await eventually('the summary', () => daemon.lines.find((line) => line.includes('DHCP: dropped in')))
    t.match(told, /\d+ strangers-of-link/)
    const lines = daemon.lines.slice(linesBefore)
    const others = lines.filter((line) => !line.includes('DHCP: lease'))
    t.ok(others.length < 10, `${others.length} lines in the log besides those of leases that changed hands`)
    t.ok(lines.length < LEASE_LINES, `${lines.length} lines in all`)
  })
})
