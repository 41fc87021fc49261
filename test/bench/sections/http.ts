// HTTP against nginx with sendfile: large files, ranges, and boot scripts that are rendered for each machine.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  type Aim,
  type Comparison,
  compare,
  type Metric,
  medianOf,
  ratio,
  ratioAim,
  type Sample
} from '../comparison.ts'
import { type Contender, US } from '../contenders/contender.ts'
import { nginx } from '../contenders/nginx.ts'
import { rootcast } from '../contenders/rootcast.ts'
import { sameBytes } from '../digest.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { RunningServer, runLoad, runPinned } from '../lab/pinned.ts'
import type { Material } from '../material.ts'
import { fairness } from '../statistics.ts'
import { targetsFile } from '../targets.ts'
import type { Outcome, Scale, Section } from './section.ts'

const LOOPBACK = '127.0.0.1'
const SCRATCH = '/run/bench-fetched'
const RANGE_BYTES = 65_536
const MACHINES = 1000
export const SCRIPT = 'boot.ipxe'

/** What load/http.c prints. */
interface HttpResult {
  readonly seconds: number
  readonly bytes: number
  readonly requests: number
  readonly failed: number
  readonly failure: string
  readonly slowestFirstByteSeconds: number
  readonly cpuSeconds: number
  /** Bytes and seconds. */
  readonly clients: readonly (readonly [number, number])[]
}

const THROUGHPUT: readonly Metric[] = [
  { key: 'throughput', label: 'MB/s', better: 'more', digits: 0 },
  { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 3 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'fairness', label: 'slowest/fastest', better: 'more', digits: 2 },
  { key: 'firstByte', label: 'slowest first byte, s', better: 'less', digits: 3 },
  { key: 'loadShare', label: 'load core busy', better: 'neither', digits: 2 }
]

const REQUESTS: readonly Metric[] = [
  { key: 'requests', label: 'requests/s', better: 'more', digits: 0 },
  { key: 'cpuPerThousand', label: 'CPU ms/request', better: 'less', digits: 3 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'firstByte', label: 'slowest first byte, s', better: 'less', digits: 3 },
  { key: 'loadShare', label: 'load core busy', better: 'neither', digits: 2 }
]

export const http: Section = {
  name: 'http',
  title: 'HTTP',
  async run(material, scale): Promise<Outcome> {
    const comparisons: Comparison[] = []
    for (const clients of [1, 10, 100]) comparisons.push(await wholeFiles(material, scale, clients))
    comparisons.push(await comparedFiles(material, scale))
    comparisons.push(await ranges(material, scale))
    comparisons.push(await scripts(material, scale))
    comparisons.push(await foreignClient(material, scale))
    return { comparisons, aims: aimsOf(comparisons) }
  }
}

function contendersOf(material: Material): readonly Contender[] {
  return [rootcast(material, { address: LOOPBACK }), nginx(material.plain, LOOPBACK)]
}

type LoadOptions = Readonly<Record<string, string | number | undefined>>

async function load(server: RunningServer, options: LoadOptions): Promise<Sample> {
  const command = [generator('http'), ...flags({ server: LOOPBACK, ...options })]
  server.mark()
  const result = await runLoad<HttpResult>(command)
  const { cpuSeconds } = server
  const values = {
    throughput: result.bytes / result.seconds / 1e6,
    requests: result.requests / result.seconds,
    cpuPerGigabyte: cpuSeconds / (result.bytes / 1e9),
    cpuPerThousand: (cpuSeconds * 1000) / result.requests,
    peakMegabytes: server.peakMegabytes,
    fairness: fairness(result.clients.map(([bytes, seconds]) => bytes / seconds)),
    firstByte: result.slowestFirstByteSeconds,
    othersCores: server.othersCores(result.cpuSeconds),
    loadShare: result.cpuSeconds / result.seconds
  }
  const failure = result.failed > 0 ? `${result.failed} failed: ${result.failure}` : undefined
  return { values, failure, command: displayed(command) }
}

/** The kernel discards the bytes for the client, or comparing them would be what is measured. */
async function wholeFiles(material: Material, scale: Scale, clients: number): Promise<Comparison> {
  const file = material.file('file-1g')
  return compare(scale, {
    id: `whole-${clients}`,
    title: `1 GB, ${clients === 1 ? '1 client' : `${clients} clients`}, again and again; bytes counted`,
    metrics: THROUGHPUT,
    contenders: contendersOf(material),
    run: (contender, server) =>
      load(server, {
        targets: targetsFile(contender.name, [`/${contender.nameOf(file)}`]),
        clients,
        seconds: scale.extent === 'quick' ? 1 : 5
      })
  })
}

/** The same with each byte compared; here the load is what is slow. */
async function comparedFiles(material: Material, scale: Scale): Promise<Comparison> {
  const file = material.file('file-1g')
  return compare(scale, {
    id: 'compared-10',
    title: '1 GB, 10 clients, once each; every byte compared with the original',
    metrics: THROUGHPUT,
    contenders: contendersOf(material),
    run: (contender, server) =>
      load(server, {
        targets: targetsFile(contender.name, [`/${contender.nameOf(file)}`]),
        clients: 10,
        requests: 1,
        original: file.path
      })
  })
}

async function ranges(material: Material, scale: Scale): Promise<Comparison> {
  const file = material.file('file-1g')
  return compare(scale, {
    id: 'ranges',
    title: '64 KB ranges of a 1 GB file, 10 clients; every byte compared with the original',
    metrics: [...REQUESTS, { key: 'throughput', label: 'MB/s', better: 'more', digits: 0 }],
    contenders: contendersOf(material),
    run: (contender, server) =>
      load(server, {
        targets: targetsFile(contender.name, [`/${contender.nameOf(file)}`]),
        clients: 10,
        range: RANGE_BYTES,
        original: file.path,
        'per-connection': 500,
        seconds: scale.extent === 'quick' ? 1 : 3
      })
  })
}

/**
 * A thousand machines that ask for their scripts. nginx serves one such script, byte for byte, from a file. Requests come
 * from many addresses, for one address may not ask for more than some scripts a minute.
 */
async function scripts(material: Material, scale: Scale): Promise<Comparison> {
  const daemon = rootcast(material, { address: LOOPBACK, boots: true })
  await keepScript(daemon, material)
  const ours = Array.from({ length: MACHINES }, (_, i) => `/${SCRIPT}?mac=${macOf(i)}&platform=pcbios&arch=i386`)
  return compare(scale, {
    id: 'scripts',
    title: `Boot scripts of ${MACHINES} machines, 10 clients; ours rendered for each, nginx's from a file`,
    metrics: REQUESTS,
    contenders: [daemon, nginx(material.plain, LOOPBACK)],
    async run(contender, server) {
      const targets = targetsFile(contender.name, contender.name === US ? ours : [`/${SCRIPT}`])
      const seconds = scale.extent === 'quick' ? 1 : 3
      const options = { targets, clients: 10, 'per-connection': 50, addresses: 4000, seconds }
      // A server that has been up for a while: a quarter of the first round is V8 compiling.
      await load(server, options)
      return load(server, options)
    }
  })
}

/** As rootcast renders it, for the peers to serve. */
export async function keepScript(daemon: Contender, material: Material): Promise<void> {
  await using _server = await RunningServer.start(await daemon.server())
  const response = await fetch(`http://${LOOPBACK}/${SCRIPT}?mac=${macOf(0)}&platform=pcbios&arch=i386`)
  writeFileSync(path.join(material.plain, SCRIPT), await response.text())
}

function macOf(i: number): string {
  return `52:54:00:00:${hex(i >> 8)}:${hex(i & 255)}`
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** Does our own load generator see what a foreign client sees? */
async function foreignClient(material: Material, scale: Scale): Promise<Comparison> {
  const file = material.file('file-1g')
  const contenders = contendersOf(material).flatMap((server) => [
    { ...server, name: `${server.name}, seen by this bench`, isForeign: false },
    { ...server, name: `${server.name}, seen by curl`, isForeign: true }
  ])
  return compare(scale, {
    id: 'foreign-client',
    title: 'One client, 1 GB: the load generator, comparing bytes, beside a foreign client that writes them to RAM',
    metrics: [
      { key: 'throughput', label: 'MB/s', better: 'more', digits: 0 },
      { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 3 }
    ],
    contenders,
    async run(contender, server) {
      const target = `/${contender.nameOf(file)}`
      if (contender.isForeign) return fetchByCurl(server, target, file)
      const targets = targetsFile('foreign', [target])
      return load(server, { targets, clients: 1, requests: 1, original: file.path })
    }
  })
}

async function fetchByCurl(
  server: RunningServer,
  target: string,
  file: { readonly path: string; readonly sizeBytes: number }
): Promise<Sample> {
  const command = [
    'curl',
    '--silent',
    '--output',
    SCRATCH,
    '--write-out',
    '%{time_total}',
    `http://${LOOPBACK}${target}`
  ]
  server.mark()
  const seconds = Number(await runPinned(command))
  const values = {
    throughput: file.sizeBytes / seconds / 1e6,
    cpuPerGigabyte: server.cpuSeconds / (file.sizeBytes / 1e9)
  }
  const failure = sameBytes(SCRATCH, file.path) ? undefined : 'the digests differ'
  return { values, failure, command: command.join(' ') }
}

function aimsOf(comparisons: readonly Comparison[]): readonly Aim[] {
  const find = (id: string) => comparisons.find((comparison) => comparison.id === id)
  const wanted = { 1: 0.95, 10: 1.2, 100: 1.2 }
  const whole = ([1, 10, 100] as const).flatMap((clients) => {
    const comparison = find(`whole-${clients}`)
    const fair = medianOf(comparison, US, 'fairness') ?? 0
    const first = medianOf(comparison, US, 'firstByte') ?? Number.NaN
    const what = `1 GB, ${clients} client${clients === 1 ? '' : 's'}`
    return [
      ratioAim(`${what}: throughput against nginx`, ratio(comparison), { atLeast: wanted[clients] }),
      { what: `${what}: slowest over fastest`, wanted: '≥ 0.8', seen: fair.toFixed(2), met: fair >= 0.8 },
      { what: `${what}: slowest first byte`, wanted: '≤ 0.2 s', seen: `${first.toFixed(3)} s`, met: first <= 0.2 }
    ]
  })
  return [
    ...whole,
    ratioAim('64 KB ranges: against nginx', ratio(find('ranges')), { atLeast: 0.6 }),
    ratioAim('boot scripts: against nginx', ratio(find('scripts')), { atLeast: 0.3 })
  ]
}
