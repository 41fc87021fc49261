// Ten minutes of bytes from strangers: no race, but it takes as long as one.
import { randomInt } from 'node:crypto'
import { writeFailure } from '../../fuzz/engine/corpus.ts'
import { fuzz as fuzzTarget } from '../../fuzz/engine/supervisor.ts'
import { type TargetModule, targetModules } from '../../fuzz/targets.ts'
import type { Aim, Metric, Row } from '../comparison.ts'
import type { Outcome, Scale, Section } from './section.ts'

const SECONDS: Readonly<Record<Scale['extent'], number>> = { quick: 20, default: 600, full: 3600 }
const MOST_FAILURES = 5

const METRICS: readonly Metric[] = [
  { key: 'inputs', label: 'inputs', better: 'neither', digits: 0 },
  { key: 'branches', label: 'branches taken', better: 'neither', digits: 0 },
  { key: 'fromCorpus', label: 'corpus before', better: 'neither', digits: 0 },
  { key: 'corpus', label: 'inputs that showed something new', better: 'neither', digits: 0 },
  { key: 'failures', label: 'failures', better: 'less', digits: 0 }
]

export const fuzz: Section = {
  name: 'fuzz',
  title: 'Fuzzing',
  async run(_material, { extent }): Promise<Outcome> {
    const modules = await targetModules()
    const seed = randomInt(2 ** 31)
    const seconds = SECONDS[extent] / modules.length
    const rows: Row[] = []
    for (const module of modules) rows.push(await rowOf(module, seed, seconds))
    const command = `node test/fuzz/main.ts --seconds ${SECONDS[extent]} --seed ${seed}`
    const title = `Mutated input led by branch coverage, ${SECONDS[extent]} s in all`
    return { comparisons: [{ id: 'fuzz', title, metrics: METRICS, rows, rounds: 1, command }], aims: [aimOf(rows)] }
  }
}

async function rowOf({ module, target }: TargetModule, seed: number, seconds: number): Promise<Row> {
  const job = { module, target, seed, seconds, keepsCorpus: false, mostFailures: MOST_FAILURES }
  const { inputs, reached, fromCorpus, corpus, failures } = await fuzzTarget(job)
  const medians = { inputs, branches: reached, fromCorpus, corpus, failures: failures.length }
  console.error(`fuzz  ${target.padEnd(18)} ${inputs} inputs, ${failures.length} failures`)
  return {
    contender: target,
    medians,
    samples: Object.fromEntries(Object.entries(medians).map(([key, value]) => [key, [value]])),
    failures: failures.map(({ input, error }) => `${writeFailure(target, input)}: ${error}`)
  }
}

function aimOf(rows: readonly Row[]): Aim {
  const found = rows.reduce((sum, { medians }) => sum + (medians.failures ?? 0), 0)
  return { what: 'Errors, hangs and runaway memory', wanted: 'none', seen: String(found), met: found === 0 }
}
