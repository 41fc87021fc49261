// What the daemon keeps in memory: at rest, and while many machines fetch at once.
import { type Aim, type Comparison, compare, type Metric, type Sample } from '../comparison.ts'
import type { Contender } from '../contenders/contender.ts'
import { ADMIN_PORT, rootcast } from '../contenders/rootcast.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { type RunningServer, runLoad } from '../lab/pinned.ts'
import { forgetPeak, residentMegabytes, residentNowMegabytes } from '../lab/resident.ts'
import type { FileName, Material } from '../material.ts'
import { targetsFile } from '../targets.ts'
import type { Outcome, Scale, Section } from './section.ts'

const ADDRESS = '127.0.0.1'
const IDLE = 'idle'
const LIMIT_MEGABYTES = 150
const AIM_MEGABYTES = 120

const METRICS: readonly Metric[] = [
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'servingMegabytes', label: 'peak RSS while serving, MB', better: 'less', digits: 0 },
  { key: 'startMegabytes', label: 'RSS before, MB', better: 'less', digits: 0 },
  { key: 'endMegabytes', label: 'RSS after, MB', better: 'less', digits: 0 },
  { key: 'throughput', label: 'MB/s', better: 'neither', digits: 0 }
]

interface Scenario extends Contender {
  readonly command: (scale: Scale) => readonly string[]
  /** Somebody has asked the admin face before, and so had it loaded. */
  readonly isAdministered?: boolean
}

export const memory: Section = {
  name: 'memory',
  title: 'Memory of the daemon',
  async run(material, scale): Promise<Outcome> {
    const comparison = await compare(scale, {
      id: 'resident',
      title: 'Resident memory of `rootcast serve`, its default settings',
      metrics: METRICS,
      contenders: scenarios(material),
      run: (scenario, server) => observe(scenario, server, scale)
    })
    return { comparisons: [comparison], aims: aimsOf(comparison) }
  }
}

function scenarios(material: Material): readonly Scenario[] {
  const daemon = rootcast(material, { address: ADDRESS })
  const http = (clients: number, name: FileName) => () => {
    const file = material.file(name)
    const targets = targetsFile('memory', [`/${file.name}`])
    return [generator('http'), ...flags({ server: ADDRESS, targets, clients, requests: 1, original: file.path })]
  }
  const tftp = (clients: number, name: FileName, windowsize: number, forAWhile: boolean) => (scale: Scale) => {
    const file = material.file(name)
    const seconds = forAWhile ? (scale.extent === 'quick' ? 2 : 10) : undefined
    const options = {
      server: ADDRESS,
      name: file.name,
      original: file.path,
      clients,
      blksize: 1428,
      windowsize,
      seconds
    }
    return [generator('tftp'), ...flags(options)]
  }
  return [
    { ...daemon, name: IDLE, command: () => ['sleep', '3'] },
    { ...daemon, name: '10 clients, 300 MB each by HTTP', command: http(10, 'root') },
    { ...daemon, name: '10 clients, 300 MB each by TFTP, windowsize 16', command: tftp(10, 'root', 16, false) },
    { ...daemon, name: '10 clients, 300 MB each by TFTP, windowsize 64', command: tftp(10, 'root', 64, false) },
    { ...daemon, name: '200 clients, one 200 MB file by TFTP', command: tftp(200, 'file-200m', 16, true) },
    { ...daemon, name: '200 clients, one 2 MB file by TFTP', command: tftp(200, 'file-2m', 16, true) },
    {
      ...daemon,
      name: '200 clients, one 200 MB file by TFTP, the admin face in use',
      command: tftp(200, 'file-200m', 16, true),
      isAdministered: true
    },
    { ...daemon, name: '100 clients, one 1 GB file by HTTP, 10 s', command: httpForAWhile(material) }
  ]
}

function httpForAWhile(material: Material): (scale: Scale) => readonly string[] {
  const file = material.file('file-1g')
  return (scale) => {
    const targets = targetsFile('memory', [`/${file.name}`])
    const seconds = scale.extent === 'quick' ? 2 : 10
    return [generator('http'), ...flags({ server: ADDRESS, targets, clients: 100, seconds })]
  }
}

async function observe(scenario: Scenario, server: RunningServer, scale: Scale): Promise<Sample> {
  if (scenario.isAdministered) await (await fetch(`http://${ADDRESS}:${ADMIN_PORT}/healthz`)).text()
  const startMegabytes = residentNowMegabytes(server.pid)
  const loadingMegabytes = server.peakMegabytes
  forgetPeak(server.pid)
  const command = scenario.command(scale)
  const load = scenario.name === IDLE ? await rest() : await runLoad<LoadResult>(command)
  const servingMegabytes = residentMegabytes([server.pid])
  const values = {
    startMegabytes,
    servingMegabytes,
    peakMegabytes: Math.max(loadingMegabytes, servingMegabytes),
    endMegabytes: residentNowMegabytes(server.pid)
  }
  if (load === undefined) return { values, command: '' }
  const { bytes, seconds, failed, failure } = load
  return {
    values: { ...values, throughput: bytes / seconds / 1e6 },
    failure: failed > 0 ? `${failed} failed: ${failure}` : undefined,
    command: displayed(command)
  }
}

async function rest(): Promise<undefined> {
  await new Promise((resolve) => setTimeout(resolve, 3000))
}

/** What every load generator prints. */
interface LoadResult {
  readonly bytes: number
  readonly seconds: number
  readonly failed: number
  readonly failure: string
}

function aimsOf({ rows }: Comparison): readonly Aim[] {
  return rows.map(({ contender, samples }) => {
    const peak = Math.max(0, ...(samples.peakMegabytes ?? []))
    const limit = contender.startsWith('200 clients') ? AIM_MEGABYTES : LIMIT_MEGABYTES
    const wanted = `${limit === AIM_MEGABYTES ? '≤' : '<'} ${limit} MB`
    return {
      what: `${contender}: peak of all rounds`,
      wanted,
      seen: `${peak.toFixed(0)} MB`,
      met: peak > 0 && peak <= limit
    }
  })
}
