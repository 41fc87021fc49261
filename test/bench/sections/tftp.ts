// TFTP against the servers that people use today: throughput, block sizes, windows, loss, a narrow link.
import {
  type Aim,
  bestPeer,
  type Comparison,
  compare,
  type Metric,
  medianOf,
  ratio,
  ratioAim,
  type Sample
} from '../comparison.ts'
import { US, US_PLAIN } from '../contenders/contender.ts'
import { type TftpContender, tftpContenders } from '../contenders/tftp.ts'
import { sameBytes } from '../digest.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { atLoad, losing, SERVER, throttled } from '../lab/network.ts'
import { type RunningServer, runLoad, runPinned } from '../lab/pinned.ts'
import type { Material, ServedFile } from '../material.ts'
import { fairness } from '../statistics.ts'
import type { Outcome, Scale, Section } from './section.ts'

const LOOPBACK = '127.0.0.1'
const SCRATCH = '/run/bench-fetched'
const LINK_MEGABITS = 100
const LINK_BURST_BYTES = 16 * 1024
/** A switch's port: some 170 full frames. */
const LINK_QUEUE_BYTES = 256 * 1024
const LINK_CLIENTS = 20
const LOSS_CLIENTS = 10

/** What load/tftp.c prints. */
interface TftpResult {
  readonly seconds: number
  readonly bytes: number
  readonly finished: number
  readonly failed: number
  readonly unfinished: number
  readonly failure: string
  readonly doubled: number
  readonly timeouts: number
  readonly cpuSeconds: number
  /** Bytes and seconds. */
  readonly clients: readonly (readonly [number, number])[]
}

interface Terms {
  readonly clients: number
  readonly blksize: number
  readonly windowsize: number
}

const THROUGHPUT: readonly Metric[] = [
  { key: 'throughput', label: 'MB/s', better: 'more', digits: 1 },
  { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 2 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'fairness', label: 'slowest/fastest', better: 'more', digits: 2 },
  { key: 'loadShare', label: 'load core busy', better: 'neither', digits: 2 }
]

const UNDER_LOSS: readonly Metric[] = [
  { key: 'throughput', label: 'MB/s', better: 'more', digits: 2 },
  { key: 'finished', label: `finished of ${LOSS_CLIENTS}`, better: 'more', digits: 0 },
  { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 2 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'doubled', label: 'blocks sent twice', better: 'less', digits: 0 }
]

const ON_LINK: readonly Metric[] = [
  { key: 'wireShare', label: 'of the wire as payload', better: 'more', digits: 3 },
  { key: 'seconds', label: 's for all', better: 'less', digits: 2 },
  { key: 'fairness', label: 'slowest/fastest', better: 'more', digits: 2 },
  { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 2 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'doubled', label: 'blocks sent twice', better: 'less', digits: 0 }
]

export const tftp: Section = {
  name: 'tftp',
  title: 'TFTP',
  async run(material, scale): Promise<Outcome> {
    const comparisons: Comparison[] = []
    for (const terms of throughputCases(scale)) comparisons.push(await throughput(material, scale, terms))
    for (const [loss, windowsize] of lossCases(scale)) {
      comparisons.push(await underLoss(material, scale, loss, windowsize))
    }
    comparisons.push(await onLink(material, scale))
    comparisons.push(await foreignClient(material, scale))
    return { comparisons, aims: aimsOf(comparisons) }
  }
}

function throughputCases({ extent }: Scale): readonly Terms[] {
  const of = (clients: number, blksize: number, windowsize: number) => ({ clients, blksize, windowsize })
  if (extent === 'quick') return [of(200, 1428, 16), of(1, 1428, 64)]
  if (extent === 'default') {
    const named = [of(200, 1428, 16), of(1, 1428, 64), of(1, 1428, 16), of(200, 1428, 1)]
    return [...named, of(10, 1428, 4), of(50, 512, 16), of(50, 8192, 16)]
  }
  return [512, 1428, 8192].flatMap((blksize) =>
    [1, 4, 16, 64].flatMap((windowsize) => [1, 10, 50, 200].map((clients) => of(clients, blksize, windowsize)))
  )
}

function lossCases({ extent }: Scale): readonly (readonly [number, number])[] {
  if (extent === 'quick') return [[0.01, 16]]
  if (extent === 'default')
    return [
      [0.01, 1],
      [0.01, 16],
      [0.01, 64],
      [0.001, 16],
      [0.05, 16]
    ]
  return [0, 0.001, 0.01, 0.05].flatMap((loss) => [1, 4, 16, 64].map((windowsize) => [loss, windowsize] as const))
}

async function throughput(material: Material, scale: Scale, terms: Terms): Promise<Comparison> {
  const { clients, blksize, windowsize } = terms
  const file = material.file('file-200m')
  const seconds = scale.extent === 'full' ? 5 : 1.5
  return compare(scale, {
    id: `${clients}-clients-blksize-${blksize}-${windowName(windowsize)}`,
    title: `${people(clients)}, blksize ${blksize}, ${windowTitle(windowsize)}`,
    metrics: THROUGHPUT,
    contenders: tftpContenders(material, LOOPBACK),
    run: (contender, server) => load(contender, server, file, { ...terms, seconds })
  })
}

async function underLoss(material: Material, scale: Scale, loss: number, windowsize: number): Promise<Comparison> {
  const file = material.file('file-10m')
  const all = tftpContenders(material, LOOPBACK)
  return compare(scale, {
    id: `loss-${loss * 100}-${windowName(windowsize)}`,
    title: `${loss * 100} % loss each way, ${LOSS_CLIENTS} clients, 10 MB each, ${windowTitle(windowsize)}`,
    metrics: UNDER_LOSS,
    contenders: windowsize === 1 ? all : all.filter(({ hasWindows }) => hasWindows),
    async run(contender, server) {
      using _loss = losing(loss)
      const terms = { clients: LOSS_CLIENTS, blksize: 1428, windowsize, 'at-most': scale.extent === 'full' ? 40 : 10 }
      return await load(contender, server, file, terms)
    }
  })
}

/** Over the cable, from addresses of another namespace. */
async function onLink(material: Material, scale: Scale): Promise<Comparison> {
  const file = material.file(scale.extent === 'quick' ? 'file-2m' : 'file-10m')
  return compare(scale, {
    id: 'narrow-link',
    title: `${LINK_MEGABITS} Mbit/s shared by ${LINK_CLIENTS} clients, ${Math.round(file.sizeBytes / 1e6)} MB each, blksize 1428, windowsize 16`,
    metrics: ON_LINK,
    contenders: tftpContenders(material, SERVER),
    async run(contender, server) {
      using _link = throttled(LINK_MEGABITS, LINK_BURST_BYTES, LINK_QUEUE_BYTES)
      const terms = { clients: LINK_CLIENTS, blksize: 1428, windowsize: 16, 'at-most': 30 }
      return await load(contender, server, file, terms, { address: SERVER, place: atLoad })
    }
  })
}

interface Where {
  readonly address: string
  readonly place: (command: readonly string[]) => readonly string[]
}

const ON_LOOPBACK: Where = { address: LOOPBACK, place: (command) => command }

async function load(
  contender: TftpContender,
  server: RunningServer,
  file: ServedFile,
  terms: Terms & { readonly seconds?: number; readonly 'at-most'?: number },
  { address, place }: Where = ON_LOOPBACK
): Promise<Sample> {
  const options = { server: address, name: contender.nameOf(file), original: file.path, ...terms }
  const command = place([generator('tftp'), ...flags(options)])
  server.mark()
  const result = await runLoad<TftpResult>(command)
  const gigabytes = result.bytes / 1e9
  const rates = result.clients.map(([bytes, seconds]) => bytes / seconds)
  const values = {
    throughput: result.bytes / result.seconds / 1e6,
    cpuPerGigabyte: server.cpuSeconds / gigabytes,
    peakMegabytes: server.peakMegabytes,
    fairness: fairness(rates),
    othersCores: server.othersCores(result.cpuSeconds),
    loadShare: result.cpuSeconds / result.seconds,
    finished: result.finished,
    doubled: result.doubled,
    seconds: result.seconds,
    wireShare: (result.bytes * 8) / result.seconds / (LINK_MEGABITS * 1e6)
  }
  const failed = result.failed > 0 ? `${result.failed} failed: ${result.failure}` : undefined
  return { values, failure: failed, command: displayed(command) }
}

/** Does our own load generator see what a foreign client sees? The servers are ours and atftpd. */
async function foreignClient(material: Material, scale: Scale): Promise<Comparison> {
  const file = material.file('file-200m')
  const servers = tftpContenders(material, LOOPBACK).filter(({ name }) => name === US || name === 'atftpd')
  const contenders = servers.flatMap((server) => [
    { ...server, name: `${server.name}, seen by this bench`, isForeign: false },
    { ...server, name: `${server.name}, seen by atftp`, isForeign: true }
  ])
  return compare(scale, {
    id: 'foreign-client',
    title: 'One client, windowsize 64: the load generator beside a foreign client',
    metrics: [
      { key: 'throughput', label: 'MB/s', better: 'more', digits: 1 },
      { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 2 }
    ],
    contenders,
    async run(contender, server) {
      if (!contender.isForeign) return load(contender, server, file, { clients: 1, blksize: 1428, windowsize: 64 })
      return fetchByAtftp(contender, server, file)
    }
  })
}

async function fetchByAtftp(contender: TftpContender, server: RunningServer, file: ServedFile): Promise<Sample> {
  const options = ['--option', 'blksize 1428', '--option', 'windowsize 64']
  const names = ['--get', '-r', contender.nameOf(file), '-l', SCRATCH]
  server.mark()
  const began = performance.now()
  await runPinned(['sh', '-c', '"$@" && echo done', 'sh', 'atftp', ...options, ...names, LOOPBACK, '69'])
  const seconds = (performance.now() - began) / 1000
  const values = {
    throughput: file.sizeBytes / seconds / 1e6,
    cpuPerGigabyte: server.cpuSeconds / (file.sizeBytes / 1e9)
  }
  const failure = sameBytes(SCRATCH, file.path) ? undefined : 'the digests differ'
  return { values, failure, command: ['atftp', ...options.map(quoted), ...names].join(' ') }
}

function quoted(text: string): string {
  return text.includes(' ') ? `'${text}'` : text
}

function people(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`
}

function windowName(windowsize: number): string {
  return windowsize === 1 ? 'lockstep' : `window-${windowsize}`
}

function windowTitle(windowsize: number): string {
  return windowsize === 1 ? 'lockstep' : `windowsize ${windowsize}`
}

function aimsOf(comparisons: readonly Comparison[]): readonly Aim[] {
  const find = (id: string) => comparisons.find((comparison) => comparison.id === id)
  const many = find('200-clients-blksize-1428-window-16')
  const lockstep = find('200-clients-blksize-1428-lockstep')
  const link = find('narrow-link')
  const manyPeer = many && bestPeer(many)
  const aims = [
    many && [
      ratioAim('200 clients, windowsize 16: throughput against the best peer', ratio(many), { atLeast: 3 }),
      ratioAim(
        `the same: CPU per GB against that peer (${manyPeer?.contender})`,
        ratio(many, manyPeer?.contender, 'cpuPerGigabyte'),
        { atMost: 0.35 }
      ),
      ratioAim('the same without native code', plainRatio(many, manyPeer?.contender), { atLeast: 1.1 })
    ],
    find('1-clients-blksize-1428-window-64') && [
      ratioAim('1 client, windowsize 64: against the best peer', ratio(find('1-clients-blksize-1428-window-64')), {
        atLeast: 1.2
      })
    ],
    find('1-clients-blksize-1428-window-16') && [
      ratioAim('1 client, windowsize 16: against the best peer', ratio(find('1-clients-blksize-1428-window-16')), {
        atLeast: 1
      })
    ],
    lockstep && [
      ratioAim('200 clients in lockstep: against dnsmasq', ratio(lockstep, 'dnsmasq'), { atLeast: 1 }),
      ratioAim('the same without native code: against tftpd-hpa', plainRatio(lockstep, 'tftpd-hpa'), { atLeast: 1.7 })
    ],
    ...[
      ['loss-1-lockstep', 20, 'lockstep'] as const,
      ['loss-1-window-16', 25, 'windowsize 16'] as const,
      ['loss-1-window-64', 30, 'windowsize 64'] as const
    ].map(([id, atLeast, window]) => find(id) && lossAims(find(id), atLeast, window)),
    link && linkAims(link)
  ]
  return aims.flatMap((group) => group ?? [])
}

function plainRatio(comparison: Comparison | undefined, against: string | undefined): number | undefined {
  const ours = medianOf(comparison, US_PLAIN, 'throughput')
  const theirs = against === undefined ? undefined : medianOf(comparison, against, 'throughput')
  return ours === undefined || theirs === undefined ? undefined : ours / theirs
}

function lossAims(comparison: Comparison | undefined, atLeast: number, window: string): readonly Aim[] {
  const finished = comparison?.rows.find(({ contender }) => contender === US)?.samples.finished ?? []
  const least = finished.length > 0 ? Math.min(...finished) : 0
  return [
    ratioAim(`1 % loss each way, ${window}: throughput against the best peer`, ratio(comparison), { atLeast }),
    {
      what: `1 % loss each way, ${window}: transfers that finish, in every round`,
      wanted: `${LOSS_CLIENTS} of ${LOSS_CLIENTS}`,
      seen: `${least} of ${LOSS_CLIENTS}`,
      met: least === LOSS_CLIENTS
    }
  ]
}

function linkAims(link: Comparison): readonly Aim[] {
  const share = medianOf(link, US, 'wireShare') ?? 0
  const fair = medianOf(link, US, 'fairness') ?? 0
  return [
    { what: '100 Mbit/s, 20 clients: payload', wanted: '≥ 95 % of the wire', seen: percent(share), met: share >= 0.95 },
    { what: '100 Mbit/s, 20 clients: slowest over fastest', wanted: '≥ 0.8', seen: fair.toFixed(2), met: fair >= 0.8 }
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
