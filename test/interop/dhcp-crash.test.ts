// kill -9 of the daemon under DHCP load, at random moments: no address has two machines, and no ACK that one saw is forgotten.
// The bench does it two hundred times (npm run bench -- faults).
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { Leaseholders, liveAndDie, storeLeases } from '../bench/lab/crashes.ts'
import { Random } from '../fuzz/engine/random.ts'
import { temporaryDirectory } from '../support/cli.ts'
import { enterOwnNetwork, ip, Namespace } from '../support/netns.ts'

const MAIN = path.join(import.meta.dirname, '../../server/main.js')
const SERVER = '10.77.0.1'
const RELAY = '10.77.0.2'
const FIRST = '10.77.16.0'
const RESTORED = 10_000
const LEASE_SECONDS = 3600
const KILLS = 12
const CONFIG = `stateDir: state
images: { store: store }
dhcp:
  mode: authoritative
  interfaces: [srv0]
  subnets: [{ subnet: 10.77.0.0/16, pools: [{ from: ${FIRST}, to: 10.77.70.0 }], leaseSeconds: ${LEASE_SECONDS} }]
  limits: { strangersPerSecond: 100000, strangersPerSecondPerLink: 100000 }
tftp: { enabled: false }
http: { boot: { address: ${SERVER}, port: 0 }, admin: { port: 0 } }
`

t.test('leases survive kill -9', { timeout: 240_000 }, async (t) => {
  await enterOwnNetwork()
  await using machines = await Namespace.create()
  await machines.cable('srv0', 'cli0')
  await ip(`address add ${SERVER}/16 dev srv0`)
  await machines.exec('ip', 'address', 'add', `${RELAY}/16`, 'dev', 'cli0')
  const directory = await temporaryDirectory(t)
  const config = path.join(directory, 'rootcast.yaml')
  const stateDir = path.join(directory, 'state')
  await writeFile(config, CONFIG)
  await storeLeases(stateDir, FIRST, RESTORED)

  const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
  t.comment(`SEED=${seed}`)
  const options = { relay: RELAY, server: SERVER, first: FIRST, restored: RESTORED, 'lease-seconds': LEASE_SECONDS }
  const there = ['nsenter', '--target', String(machines.pid), '--net']
  await using holders = await Leaseholders.start(there, { ...options, seats: 64, seed })
  const run = {
    command: [process.execPath, MAIN, 'serve', '--config', config],
    stateDir,
    holders,
    random: new Random(seed)
  }
  const crashes = []
  for (let i = 0; i < KILLS; i++) crashes.push(await liveAndDie(run))

  t.same(
    crashes.flatMap(({ forgotten }) => forgotten),
    [],
    'every lease that a machine had is on disk'
  )
  const { held, broken, ...counts } = await holders.report()
  t.same(broken, [], 'nobody was refused its own address, nobody was given that of another one')
  for (const [what, count] of Object.entries(counts)) t.ok(count > 0, `${count} ${what}`)
  const answered = crashes.flatMap(({ answeredAfterMs, cpuMs }) =>
    answeredAfterMs === undefined ? [] : `${answeredAfterMs.toFixed(0)} (${cpuMs} of the processor)`
  )
  t.ok(answered.length > 0)
  t.comment(`${held.length} leases held; answered after ${answered.join(', ')} ms`)
})
