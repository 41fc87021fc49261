// docs/benchmarks.md, made from the results; the words under "What bounds it" are people's and stand in files of their own.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { bestPeer, type Comparison, type Metric, type Row } from '../comparison.ts'
import { US } from '../contenders/contender.ts'
import { median } from '../statistics.ts'
import { plot } from './plot.ts'
import { DOCS, FIGURES, type SectionResult } from './results.ts'

/** Above it somebody else was using the machine too. */
const QUIET_LOAD = 0.5
const QUIET_CORES = 0.1

type Named = Pick<SectionResult, 'name' | 'title'>

/** @param sections all that there are: the page says which have no results. */
export function writePage(results: readonly SectionResult[], sections: readonly Named[]): void {
  for (const { name, comparisons } of results) writeFileSync(path.join(FIGURES, `${name}.svg`), plot(comparisons))
  writeFileSync(path.join(DOCS, 'benchmarks.md'), page(results, unmeasured(results, sections)))
}

function unmeasured(results: readonly SectionResult[], sections: readonly Named[]): string {
  const missing = sections.filter(({ name }) => !results.some((result) => result.name === name))
  if (missing.length === 0) return ''
  const list = missing.map(({ name, title }) => `- ${title}: \`npm run bench -- ${name}\``).join('\n')
  return `**Without results so far:**\n\n${list}\n\n`
}

function page(results: readonly SectionResult[], missing: string): string {
  return `# Benchmarks

Made by \`npm run bench\`, from [results.json](benchmarks/results.json). Do not edit it: what people have to say stands in
\`docs/benchmarks/notes/\`.

Contenders take turns, round by round (A B A B …), each round with a freshly started server on one core and the load on
another; figures are medians of all rounds. Absolute figures belong to one machine on one day: **only ratios within one
table count.** *CPU* is the server's with all its processes, *peak RSS* the most that was resident (of servers with several
processes: their proportional share). *Load core busy* near 1 says that the load may be what bounds the figure.
The load generators are C programs in \`test/bench/load\`, for Node would be slower than the servers; they compare each byte
that they receive with the original unless a title says otherwise, and *foreign client* tables check them against programs
of other people.

${missing}${results.map(sectionPage).join('\n')}`
}

function sectionPage(result: SectionResult): string {
  const { name, title, comparisons, aims } = result
  const notes = path.join(FIGURES, 'notes', `${name}.md`)
  return [
    `## ${title}`,
    conditions(result),
    aims.length > 0 ? aimTable(result) : '',
    existsSync(notes) ? readFileSync(notes, 'utf8').trim() : '',
    `![${title}](benchmarks/${name}.svg)`,
    ...comparisons.map(comparisonPage)
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

function conditions({ command, tookSeconds, versions, circumstances: at }: SectionResult): string {
  const busy =
    at.loadBefore > QUIET_LOAD
      ? ` **The machine was not quiet: its load was ${at.loadBefore} before this began.**`
      : ` The machine was quiet (load ${at.loadBefore} before).`
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `\`${command}\`, ${at.at.slice(0, 16).replace('T', ' ')} UTC, ${Math.round(tookSeconds)} s, commit ${at.commit}. ${at.cores} cores of ${at.processor},
${at.memoryGigabytes} GB, Linux ${at.kernel}.${busy}
Versions: ${names.join(', ')}.`
}

function aimTable({ aims }: SectionResult): string {
  const rows = aims.map(
    ({ what, wanted, seen, met }) => `| ${what} | ${wanted} | ${seen} | ${met ? 'yes' : '**no**'} |`
  )
  return ['| aim | wanted | seen | met |', '|---|---|---|---|', ...rows].join('\n')
}

function comparisonPage(comparison: Comparison): string {
  const { title, metrics, rows, rounds, command } = comparison
  const failures = rows.flatMap(({ contender, failures: each }) => each.map((failure) => `- ${contender}: ${failure}`))
  return [
    `### ${title}`,
    table(comparison, metrics),
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${othersOf(rows)}${command === '' ? '' : `; \`${command}\``}`,
    failures.length > 0 ? `Seen on the way:\n\n${failures.join('\n')}` : ''
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** What somebody else's work took meanwhile; nothing to say of a quiet machine. */
function othersOf(rows: readonly Row[]): string {
  const samples = rows.flatMap(({ samples: { othersCores = [] } }) => othersCores)
  const typical = samples.length === 0 ? 0 : median(samples)
  return typical < QUIET_CORES ? '' : `; **others kept ${typical.toFixed(1)} cores busy meanwhile**`
}

export function table(comparison: Comparison, metrics: readonly Metric[]): string {
  const { rows } = comparison
  const isContest = rows.some(({ contender }) => contender === US) && rows.length > 1
  const head = ['', ...metrics.map(({ label }) => label), ...(isContest ? ['ratio'] : [])]
  const lines = rows.map((row) => [
    row.contender,
    ...metrics.map(({ key, digits }) => row.medians[key]?.toFixed(digits) ?? '–'),
    ...(isContest ? [ratioCell(comparison, row)] : [])
  ])
  return [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** Of each peer: ours as a multiple of its. Of ours: of the best peer's. */
function ratioCell(comparison: Comparison, row: Row): string {
  const key = comparison.metrics[0]?.key ?? ''
  const ours = comparison.rows.find(({ contender }) => contender === US)?.medians[key]
  if (row.contender === US) return bestPeer(comparison) ? '1' : ''
  const theirs = row.medians[key]
  return ours === undefined || !theirs ? '–' : `ours is ${(ours / theirs).toFixed(2)}×`
}
