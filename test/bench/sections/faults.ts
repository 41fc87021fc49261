// What must not be lost when the daemon is killed, and what must not grow while it lives.
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { Random } from '../../fuzz/engine/random.ts'
import { cacheDirectory } from '../cache.ts'
import { type Aim, type Comparison, compare, type Metric, type Row, type Sample } from '../comparison.ts'
import { type Contender, US } from '../contenders/contender.ts'
import { authoritative, poolOf } from '../contenders/dhcp.ts'
import { rootcast } from '../contenders/rootcast.ts'
import { type Crash, Leaseholders, liveAndDie, storeLeases } from '../lab/crashes.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { atLoad, RELAY, SERVER } from '../lab/network.ts'
import { type RunningServer, runLoad } from '../lab/pinned.ts'
import { residentNowMegabytes } from '../lab/resident.ts'
import type { HoldersReport } from '../load/leaseholders.ts'
import type { Material } from '../material.ts'
import { median } from '../statistics.ts'
import { targetsFile } from '../targets.ts'
import type { Outcome, Scale, Section } from './section.ts'

const RESTORED = 10_000
/** So many that some are taken by new machines all the time. */
const POOL = poolOf(RESTORED + 4000)
const LEASE_SECONDS = 43_200
const LIMITS = { strangersPerSecond: 1_000_000, strangersPerSecondPerLink: 1_000_000 }
const KILLS: Readonly<Record<Scale['extent'], number>> = { quick: 5, default: 200, full: 1000 }
const ANSWER_MS = 1000

const CRASH_METRICS: readonly Metric[] = [
  { key: 'answeredAfterMs', label: 'ms from start to answer', better: 'less', digits: 0 },
  { key: 'slowestMs', label: 'slowest', better: 'less', digits: 0 },
  { key: 'cpuMs', label: 'CPU ms of it', better: 'less', digits: 0 },
  { key: 'kills', label: 'kills', better: 'neither', digits: 0 },
  { key: 'acks', label: 'ACKs seen', better: 'neither', digits: 0 },
  { key: 'refused', label: 'strangers refused', better: 'neither', digits: 0 },
  { key: 'forgotten', label: 'leases forgotten', better: 'less', digits: 0 },
  { key: 'broken', label: 'promises broken', better: 'less', digits: 0 }
]

const TRANSFERS = 50_000
const CLIENTS = 20
/** Memory is looked at after so many. What a daemon needs at all is there by the first time: buffers, compiled code. */
const STEP = 2000
/** What V8 has not collected yet comes and goes by some 30 MB: what is kept for good raises the least of a dozen. */
const FLAT_MEGABYTES = 10

const SOAK_METRICS: readonly Metric[] = [
  { key: 'growthMegabytes', label: 'MB more in the second half (the least of each)', better: 'less', digits: 1 },
  { key: 'slope', label: 'MB more each 1000', better: 'less', digits: 2 },
  { key: 'least', label: 'least RSS, MB', better: 'less', digits: 0 },
  { key: 'most', label: 'most', better: 'less', digits: 0 },
  ...[0, 2000, 10_000, 20_000, 30_000, 40_000, 50_000].map((transfers) => ({
    key: `after${transfers}`,
    label: `after ${transfers}`,
    better: 'less' as const,
    digits: 0
  })),
  { key: 'throughput', label: 'MB/s', better: 'neither', digits: 0 }
]

export const faults: Section = {
  name: 'faults',
  title: 'Faults and long runs',
  async run(material, scale): Promise<Outcome> {
    const killed = await crashes(material, scale)
    // No race: one life is long enough.
    const soaked = await compare(
      { ...scale, rounds: 1 },
      {
        id: 'soak',
        title: `${TRANSFERS} transfers of a 2 MB file, ${CLIENTS} at a time, in one life of the daemon`,
        metrics: SOAK_METRICS,
        contenders: soaks(material),
        run: (soak, server) => soakUp(soak, server, scale)
      }
    )
    return {
      comparisons: [killed, soaked],
      aims: [...killed.rows.flatMap(crashAims), ...soaked.rows.flatMap(soakAims)]
    }
  }
}

async function crashes(material: Material, { extent, only }: Scale): Promise<Comparison> {
  const title = `kill -9 of the daemon at random moments, ${RESTORED} leases on disk, 64 machines that ask at a time`
  const about = { id: 'crashes', title, metrics: CRASH_METRICS }
  if (only && !only.test(about.id)) return { ...about, rows: [], rounds: 0, command: '' }
  const { server } = rootcast(material, { address: SERVER, dhcp: authoritative(POOL, LIMITS) })
  const { command } = await server()
  const stateDir = path.join(cacheDirectory('rootcast'), 'state')
  rmSync(stateDir, { recursive: true, force: true })
  await storeLeases(stateDir, POOL.from, RESTORED)
  const seed = randomInt(2 ** 31)
  const network = { relay: RELAY, server: SERVER, first: POOL.from }
  const options = { ...network, restored: RESTORED, 'lease-seconds': LEASE_SECONDS, seats: 64, seed }
  await using holders = await Leaseholders.start(atLoad([]), options)
  const seen: Crash[] = []
  const run = { command, stateDir, holders, random: new Random(seed) }
  for (let kill = 1; kill <= KILLS[extent]; kill++) {
    const crash = await liveAndDie(run)
    seen.push(crash)
    console.error(
      `crashes ${kill}/${KILLS[extent]}  ${crash.answeredAfterMs?.toFixed(0) ?? '–'} ms to the first answer`
    )
  }
  return {
    ...about,
    rows: [crashRow(seen, await holders.report())],
    rounds: 1,
    command: `leaseholders.ts ${flags(options).join(' ')}`
  }
}

function crashRow(seen: readonly Crash[], { taken, renewed, refused, broken }: HoldersReport): Row {
  const answered = seen.flatMap(({ answeredAfterMs }) => answeredAfterMs ?? [])
  const cpu = seen.flatMap(({ cpuMs }) => cpuMs ?? [])
  const forgotten = seen.flatMap((crash) => crash.forgotten)
  return {
    contender: US,
    medians: {
      answeredAfterMs: median(answered),
      slowestMs: Math.max(...answered),
      cpuMs: median(cpu),
      kills: seen.length,
      acks: taken + renewed,
      refused,
      forgotten: forgotten.length,
      broken: broken.length
    },
    samples: { answeredAfterMs: answered, cpuMs: cpu },
    failures: [...forgotten, ...broken].slice(0, 20)
  }
}

function crashAims({ medians, samples }: Row): readonly Aim[] {
  const { forgotten, broken, answeredAfterMs = Number.NaN, slowestMs = Number.NaN } = medians
  const { answeredAfterMs: answered = [] } = samples
  const late = answered.filter((ms) => ms >= ANSWER_MS).length
  return [
    { what: 'leases forgotten after kill -9', wanted: 'none', seen: String(forgotten), met: forgotten === 0 },
    {
      what: 'addresses of two machines, or refused to their own',
      wanted: 'none',
      seen: String(broken),
      met: broken === 0
    },
    {
      what: `DHCP answers again, ${RESTORED} leases on disk`,
      wanted: `< ${ANSWER_MS / 1000} s`,
      seen: `${(answeredAfterMs / 1000).toFixed(2)} s; slowest ${(slowestMs / 1000).toFixed(2)} s, ${late} of ${answered.length} later`,
      met: answered.length > 0 && late === 0
    }
  ]
}

interface Soak extends Contender {
  /** So many transfers, and its generator's command line for them. */
  readonly command: (transfers: number) => readonly string[]
}

function soaks(material: Material): readonly Soak[] {
  const address = '127.0.0.1'
  const file = material.file('file-2m')
  const daemon = rootcast(material, { address })
  const common = { server: address, original: file.path, clients: CLIENTS }
  const tftp = { ...common, name: file.name, blksize: 1428, windowsize: 16 }
  const targets = targetsFile('soak', [`/${file.name}`])
  return [
    {
      ...daemon,
      name: 'TFTP, blksize 1428, windowsize 16',
      command: (transfers) => [generator('tftp'), ...flags({ ...tftp, times: transfers / CLIENTS })]
    },
    {
      ...daemon,
      name: 'HTTP, each on a new connection',
      command: (transfers) => [
        generator('http'),
        ...flags({ ...common, targets, requests: transfers / CLIENTS, 'per-connection': 1 })
      ]
    }
  ]
}

interface LoadResult {
  readonly bytes: number
  readonly seconds: number
  readonly failed: number
  readonly failure: string
}

async function soakUp({ command }: Soak, server: RunningServer, { extent }: Scale): Promise<Sample> {
  const step = extent === 'quick' ? STEP / 10 : STEP
  const values: Record<string, number> = { after0: residentNowMegabytes(server.pid) }
  const resident: number[] = []
  const failures: string[] = []
  const all = { bytes: 0, seconds: 0 }
  for (let transfers = STEP; transfers <= TRANSFERS; transfers += STEP) {
    const { bytes, seconds, failed, failure } = await runLoad<LoadResult>(command(step))
    all.bytes += bytes
    all.seconds += seconds
    if (failed > 0) failures.push(`${failed} failed: ${failure}`)
    const now = residentNowMegabytes(server.pid)
    resident.push(now)
    values[`after${transfers}`] = now
  }
  const settled = resident.slice(1)
  const half = settled.length / 2
  values.growthMegabytes = Math.min(...settled.slice(half)) - Math.min(...settled.slice(0, half))
  values.slope = slopeOf(settled) / (STEP / 1000)
  values.least = Math.min(...settled)
  values.most = Math.max(...settled)
  values.throughput = all.bytes / all.seconds / 1e6
  return { values, failure: failures[0], command: displayed(command(step)) }
}

/** Of the straight line through them (least squares), each one step after the other. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const along = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0)
  return along / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
}

function soakAims({ contender, medians, failures }: Row): readonly Aim[] {
  const { growthMegabytes = Number.NaN, slope = Number.NaN } = medians
  const isWhole = failures.length === 0
  return [
    {
      what: `${contender}: memory is flat over ${TRANSFERS} transfers`,
      wanted: `≤ ${FLAT_MEGABYTES} MB more in the second half, at the least`,
      seen: `${growthMegabytes.toFixed(1)} MB; ${slope.toFixed(2)} MB each 1000${isWhole ? '' : ', some failed'}`,
      met: growthMegabytes <= FLAT_MEGABYTES && isWhole
    }
  ]
}
