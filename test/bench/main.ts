// npm run bench [-- section…] [--rounds N] [--only RE] [--quick | --full]
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from './cache.ts'
import type { Contender } from './contenders/contender.ts'
import { dhcpContenders, poolOf } from './contenders/dhcp.ts'
import { nginx } from './contenders/nginx.ts'
import { rootcast } from './contenders/rootcast.ts'
import { tftpContenders, unpackAtftpd } from './contenders/tftp.ts'
import { isInside, runInside, setUpNamespaces } from './lab/network.ts'
import { type Material, makeMaterial } from './material.ts'
import { circumstances } from './report/machine.ts'
import { table, writePage } from './report/page.ts'
import { keepResult, readResults, type SectionResult } from './report/results.ts'
import { abuse } from './sections/abuse.ts'
import { dhcp } from './sections/dhcp.ts'
import { faults } from './sections/faults.ts'
import { fuzz } from './sections/fuzz.ts'
import { http } from './sections/http.ts'
import { memory } from './sections/memory.ts'
import type { Scale, Section } from './sections/section.ts'
import { storm } from './sections/storm.ts'
import { tftp } from './sections/tftp.ts'

const SECTIONS: readonly Section[] = [memory, tftp, dhcp, http, storm, abuse, faults, fuzz]
const ROUNDS = 5

const HELP = `Usage: npm run bench -- [section…] [options]

Sections: ${SECTIONS.map(({ name }) => name).join(', ')}; all of them unless named.

  --rounds <n>   how often each contender has its turn (default ${ROUNDS})
  --only <re>    only comparisons whose name matches this regular expression; nothing is written
  --quick        one short round of each section: does it run? Nothing is written
  --full         the whole cross product; hours
  --dry          write nothing
  --page         only write the page again, from the results that are there
  --help         this

Needs root, for network namespaces. Writes docs/benchmarks.md and docs/benchmarks/.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

process.exitCode = await main()

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !SECTIONS.some((section) => section.name === name))
  const rounds = Number(values.rounds ?? (values.quick ? 1 : ROUNDS))
  if (values.help || unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    if (unknown.length > 0) console.error(`No such section: ${unknown.join(', ')}\n`)
    console.log(HELP)
    return values.help ? 0 : 2
  }
  if (values.page) {
    writePage(readResults(), SECTIONS)
    return 0
  }
  if (process.getuid?.() !== 0) {
    console.error('The bench makes network namespaces: run it as root.')
    return 2
  }
  if (!isInside()) {
    execFileSync('sh', [path.join(ROOT, 'server/setup.sh'), 'bench'], { stdio: 'inherit' })
    unpackAtftpd()
    await makeMaterial()
    return runInside()
  }
  setUpNamespaces()
  const material = await makeMaterial()
  const scale: Scale = {
    rounds,
    extent: values.quick ? 'quick' : values.full ? 'full' : 'default',
    only: values.only === undefined ? undefined : new RegExp(values.only)
  }
  const chosen = SECTIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  for (const section of chosen) await runSection(section, material, scale)
  return 0
}

async function runSection(section: Section, material: Material, scale: Scale): Promise<void> {
  console.error(`\n== ${section.title}`)
  const before = circumstances()
  const began = performance.now()
  const { comparisons, aims } = await section.run(material, scale)
  const result: SectionResult = {
    name: section.name,
    title: section.title,
    command: commandLine(section, scale),
    tookSeconds: (performance.now() - began) / 1000,
    circumstances: before,
    versions: versionsOf(section, material),
    comparisons,
    aims
  }
  print(result, scale)
  if (scale.extent === 'quick' || scale.only || values.dry) return
  const order = SECTIONS.map(({ name }) => name)
  writePage(keepResult(result, order), SECTIONS)
}

function commandLine({ name }: Section, { rounds, extent }: Scale): string {
  const flags = [extent === 'default' ? '' : `--${extent}`, rounds === ROUNDS ? '' : `--rounds ${rounds}`]
  return ['npm run bench --', name, ...flags.filter((flag) => flag !== '')].join(' ')
}

function versionsOf({ name }: Section, material: Material): Readonly<Record<string, string>> {
  const address = '127.0.0.1'
  const us: readonly Contender[] = [rootcast(material, { address })]
  const peers: Readonly<Record<string, () => readonly Contender[]>> = {
    tftp: () => tftpContenders(material, address),
    dhcp: () => dhcpContenders(material, poolOf(1), 'none'),
    http: () => [nginx(material.plain, address)],
    storm: () => [...tftpContenders(material, address), nginx(material.plain, address)].filter(isOfStorm)
  }
  const all = [...us, ...(peers[name]?.() ?? [])]
  return Object.fromEntries(all.map((contender) => [contender.name.split(',')[0] ?? '', contender.version]))
}

function isOfStorm({ name }: Contender): boolean {
  return name === 'dnsmasq' || name === 'nginx'
}

function print({ title, comparisons, aims }: SectionResult, { only }: Scale): void {
  console.log(`\n# ${title}`)
  for (const comparison of comparisons.filter(({ rows }) => rows.length > 0))
    console.log(`\n${comparison.title}\n${table(comparison, comparison.metrics)}`)
  if (only) return // what was left out can't be judged
  console.log(
    `\n${aims.map(({ what, wanted, seen, met }) => `${met ? 'met   ' : 'MISSED'} ${what}: ${seen} (wanted ${wanted})`).join('\n')}`
  )
}
