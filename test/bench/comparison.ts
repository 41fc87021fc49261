// Comparisons as they are run and kept: contenders take turns, round by round, and medians are compared.
import { type Contender, US, US_PLAIN } from './contenders/contender.ts'
import { RunningServer } from './lab/pinned.ts'
import type { Scale } from './sections/section.ts'
import { median } from './statistics.ts'

export interface Metric {
  readonly key: string
  /** With its unit. */
  readonly label: string
  readonly better: 'more' | 'less' | 'neither'
  readonly digits: number
}

/** One contender in one comparison. */
export interface Row {
  readonly contender: string
  readonly medians: Readonly<Record<string, number>>
  /** By metric, one for each round. */
  readonly samples: Readonly<Record<string, readonly number[]>>
  /** What went wrong, in words. */
  readonly failures: readonly string[]
}

export interface Comparison {
  readonly id: string
  readonly title: string
  /** The first one is what it is about. */
  readonly metrics: readonly Metric[]
  readonly rows: readonly Row[]
  readonly rounds: number
  /** An example of the load's command line. */
  readonly command: string
}

/** Something that was to be shown. */
export interface Aim {
  readonly what: string
  readonly wanted: string
  readonly seen: string
  readonly met: boolean
}

/** What one round of one contender gives; `failure` in words when something did not go as it should. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>
  readonly failure?: string | undefined
  readonly command: string
}

export interface Plan<C extends Contender> {
  readonly id: string
  readonly title: string
  readonly metrics: readonly Metric[]
  readonly contenders: readonly C[]
  /** One round: the server is fresh. */
  readonly run: (contender: C, server: RunningServer) => Promise<Sample>
}

export async function compare<C extends Contender>({ rounds, only }: Scale, plan: Plan<C>): Promise<Comparison> {
  const { id, title, metrics } = plan
  if (only && !only.test(id)) return { id, title, metrics, rows: [], rounds: 0, command: '' }
  const samples = new Map<C, Sample[]>(plan.contenders.map((contender) => [contender, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of plan.contenders) {
      const sample = await runOnce(plan, contender)
      samples.get(contender)?.push(sample)
      tell(plan, contender, `${round + 1}/${rounds}`, sample)
    }
  }
  const rows = plan.contenders.map((contender) => rowOf(contender.name, samples.get(contender) ?? []))
  const command = samples.values().next().value?.[0]?.command ?? ''
  return { id, title, metrics, rows, rounds, command }
}

async function runOnce<C extends Contender>(plan: Plan<C>, contender: C): Promise<Sample> {
  try {
    await using server = await RunningServer.start(await contender.server())
    return await plan.run(contender, server)
  } catch (error) {
    return { values: {}, failure: error instanceof Error ? error.message : String(error), command: '' }
  }
}

function rowOf(contender: string, samples: readonly Sample[]): Row {
  const keys = new Set(samples.flatMap(({ values }) => Object.keys(values)))
  const collected = [...keys].map((key) => [key, samples.flatMap(({ values }) => measured(values[key]))] as const)
  return {
    contender,
    samples: Object.fromEntries(collected),
    medians: Object.fromEntries(
      collected.flatMap(([key, values]) => (values.length > 0 ? [[key, median(values)]] : []))
    ),
    failures: [...new Set(samples.flatMap(({ failure }) => failure ?? []))]
  }
}

/** What could not be measured in a round is left out of it. */
function measured(value: number | undefined): readonly number[] {
  return value !== undefined && Number.isFinite(value) ? [value] : []
}

function tell<C extends Contender>(plan: Plan<C>, contender: C, round: string, { values, failure }: Sample): void {
  const shown = plan.metrics.map(({ key, label, digits }) => `${values[key]?.toFixed(digits) ?? '–'} ${label}`)
  const note = failure === undefined ? '' : `  (${failure})`
  console.error(`${plan.id} ${round}  ${contender.name.padEnd(26)} ${shown.join(', ')}${note}`)
}

export function medianOf(comparison: Comparison | undefined, contender: string, key: string): number | undefined {
  return comparison?.rows.find((row) => row.contender === contender)?.medians[key]
}

/** The best of the others by the first metric. */
export function bestPeer({ rows, metrics }: Comparison): Row | undefined {
  const [{ key, better } = { key: '', better: 'more' }] = metrics
  const sign = better === 'less' ? -1 : 1
  const score = (row: Row) => sign * (row.medians[key] ?? Number.NEGATIVE_INFINITY)
  return rows
    .filter(({ contender }) => contender !== US && contender !== US_PLAIN)
    .toSorted((a, b) => score(b) - score(a))[0]
}

/** Ours as a share of the best peer's (or of the named one's), by the first metric unless told. */
export function ratio(comparison: Comparison | undefined, against?: string, key?: string): number | undefined {
  if (!comparison) return undefined
  const metric = key ?? comparison.metrics[0]?.key ?? ''
  const theirs = against === undefined ? bestPeer(comparison)?.medians[metric] : medianOf(comparison, against, metric)
  const ours = medianOf(comparison, US, metric)
  return ours === undefined || theirs === undefined ? undefined : ours / theirs
}

/** `ratio ≥ 3`, or `≤` with `atMost`. */
export function ratioAim(
  what: string,
  seen: number | undefined,
  wanted: { atLeast: number } | { atMost: number }
): Aim {
  const text = 'atLeast' in wanted ? `≥ ${wanted.atLeast}×` : `≤ ${wanted.atMost}×`
  const met = seen !== undefined && ('atLeast' in wanted ? seen >= wanted.atLeast : seen <= wanted.atMost)
  return { what, wanted: text, seen: seen === undefined ? 'not measured' : `${seen.toFixed(2)}×`, met }
}
