// Honest clients while others do harm: what they see of it, and what it costs the daemon.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { type Aim, type Comparison, compare, type Metric, medianOf, type Sample } from '../comparison.ts'
import type { Contender } from '../contenders/contender.ts'
import { rootcast } from '../contenders/rootcast.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { LOAD_CORE, type RunningServer, runLoad } from '../lab/pinned.ts'
import type { Material } from '../material.ts'
import { targetsFile } from '../targets.ts'
import type { Outcome, Scale, Section } from './section.ts'
import { starvation, starvationAims } from './starvation.ts'

const ADDRESS = '127.0.0.1'
const HOARD = path.join(import.meta.dirname, '../load/hoard.ts')
const RANGE_BYTES = 65_536
const GATHERING_MS = 4_000

const METRICS: readonly Metric[] = [
  { key: 'milliseconds', label: 'ms an honest request', better: 'less', digits: 2 },
  { key: 'firstByte', label: 'slowest first byte, s', better: 'less', digits: 3 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 }
]

interface Scenario extends Contender {
  /** What does harm meanwhile; undefined for nothing. */
  readonly harm: readonly string[] | undefined
}

const QUIET = 'nobody else'
const HOARDED = '10,000 idle connections and 500 slow ones'

export const abuse: Section = {
  name: 'abuse',
  title: 'Abuse',
  async run(material, scale): Promise<Outcome> {
    const comparison = await compare(scale, {
      id: 'http-connections',
      title: 'HTTP: an honest client fetches 64 KB ranges, each on a new connection; beside it',
      metrics: METRICS,
      contenders: scenarios(material),
      run: (scenario, server) => serveHonest(scenario, server, material, scale)
    })
    const starved = await starvation(material, scale)
    return { comparisons: [comparison, starved], aims: [...aimsOf(comparison), ...starvationAims(starved)] }
  }
}

function scenarios(material: Material): readonly Scenario[] {
  const daemon = rootcast(material, { address: ADDRESS })
  const hoard = [process.execPath, HOARD, ...flags({ server: ADDRESS, idle: 10_000, slow: 500, addresses: 200 })]
  return [
    { ...daemon, name: QUIET, harm: undefined },
    { ...daemon, name: HOARDED, harm: hoard }
  ]
}

async function serveHonest(
  { harm }: Scenario,
  server: RunningServer,
  material: Material,
  scale: Scale
): Promise<Sample> {
  const file = material.file('root')
  const targets = targetsFile('abuse', [`/${file.name}`])
  const seconds = scale.extent === 'quick' ? 3 : 20
  const options = { server: ADDRESS, targets, clients: 1, range: RANGE_BYTES, original: file.path, seconds }
  const command = [generator('http'), ...flags({ ...options, 'per-connection': 1, addresses: 50 })]
  using _harm = harm && new Harm(harm)
  if (harm) await new Promise((resolve) => setTimeout(resolve, GATHERING_MS))
  const result = await runLoad<LoadResult>(command)
  const values = {
    milliseconds: (result.seconds / result.requests) * 1000,
    firstByte: result.slowestFirstByteSeconds,
    peakMegabytes: server.peakMegabytes
  }
  const failure = result.failed > 0 ? `${result.failed} failed: ${result.failure}` : undefined
  return { values, failure, command: displayed(command) }
}

interface LoadResult {
  readonly seconds: number
  readonly requests: number
  readonly failed: number
  readonly failure: string
  readonly slowestFirstByteSeconds: number
}

/** A program that does harm until it is disposed of. */
class Harm implements Disposable {
  readonly #process: ChildProcess

  constructor(command: readonly string[]) {
    this.#process = spawn('taskset', ['-c', String(LOAD_CORE), ...command], { stdio: 'ignore' })
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL')
  }
}

function aimsOf(comparison: Comparison): readonly Aim[] {
  const row = comparison.rows.find(({ contender }) => contender === HOARDED)
  const peak = medianOf(comparison, HOARDED, 'peakMegabytes') ?? Number.NaN
  const failures = row?.failures ?? ['not run']
  return [
    {
      what: `${HOARDED}: honest requests that failed`,
      wanted: 'none',
      seen: failures.join('; ') || 'none',
      met: failures.length === 0
    },
    { what: `${HOARDED}: peak RSS`, wanted: '≤ 200 MB', seen: `${peak.toFixed(0)} MB`, met: peak <= 200 }
  ]
}
