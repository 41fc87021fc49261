// A boot storm on the wire: N machines switched on together, until the last one has everything.
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { type Aim, type Comparison, compare, type Metric, medianOf, ratio, type Sample } from '../comparison.ts'
import { type Contender, US } from '../contenders/contender.ts'
import { authoritative, dnsmasqBoot, poolOf } from '../contenders/dhcp.ts'
import { nginx } from '../contenders/nginx.ts'
import { rootcast } from '../contenders/rootcast.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { atLoad, RELAY, SERVER, throttled } from '../lab/network.ts'
import { type RunningServer, runLoad, type ServerCommand } from '../lab/pinned.ts'
import type { Material, ServedFile } from '../material.ts'
import { keepScript, SCRIPT } from './http.ts'
import type { Outcome, Scale, Section } from './section.ts'

const PEER = 'dnsmasq + nginx'
const POOL = poolOf(10_000)
const LOADER = 'undionly.kpxe'
const LOADER_FILE = '/usr/lib/ipxe/undionly.kpxe'
/** Above this many machines the load would be busier with comparing bytes than the server with sending them. */
const COMPARED_UP_TO = 10
/** A server's wire in a room that has been built for this. */
const WIRE_MEGABITS = 10_000
const WIRE_MACHINES = 50
const WIRE_BURST_BYTES = 256 * 1024
/** A port of a switch with memory that its ports share. */
const WIRE_QUEUE_BYTES = 4 * 1024 * 1024
/** Of a rehearsal: enough for a server that has been up for a while. */
const REHEARSED_MACHINES = 200

const METRICS: readonly Metric[] = [
  { key: 'seconds', label: 's until the last has everything', better: 'less', digits: 2 },
  { key: 'up', label: 'machines up', better: 'more', digits: 0 },
  { key: 'script', label: 's until the last script', better: 'less', digits: 2 },
  { key: 'throughput', label: 'MB/s', better: 'more', digits: 0 },
  { key: 'cpuPerGigabyte', label: 'CPU s/GB', better: 'less', digits: 2 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 },
  { key: 'loadShare', label: 'load core busy', better: 'neither', digits: 2 }
]

interface StormContender extends Contender {
  readonly loader: string
  readonly script: string
}

export const storm: Section = {
  name: 'storm',
  title: 'A boot storm on the wire',
  async run(material, scale): Promise<Outcome> {
    await keepScript(rootcast(material, { address: '127.0.0.1', boots: true }), material)
    copyFileSync(LOADER_FILE, path.join(material.plain, LOADER))
    const comparisons: Comparison[] = []
    for (const machines of scale.extent === 'quick' ? [1, 10] : [1, 10, 50, 200]) {
      comparisons.push(await storms(material, scale, machines))
    }
    comparisons.push(await wired(material, scale))
    return { comparisons, aims: aimsOf(comparisons) }
  }
}

function contendersOf(material: Material): readonly StormContender[] {
  const web = nginx(material.plain, SERVER)
  return [
    {
      ...rootcast(material, { address: SERVER, dhcp: authoritative(POOL), boots: true }),
      loader: `ipxe/${LOADER}`,
      // The storm's generator puts the last four bytes of the MAC in.
      script: `/${SCRIPT}?mac=52:54:%02x:%02x:%02x:%02x&platform=pcbios&arch=i386`
    },
    {
      ...web,
      name: PEER,
      loader: LOADER,
      script: `/${SCRIPT}`,
      server: async () => both(material, await web.server())
    }
  ]
}

/** One process tree: a shell that becomes nginx, with dnsmasq as its child. */
function both({ plain }: Material, web: ServerCommand): ServerCommand {
  const dnsmasq = dnsmasqBoot(POOL, [
    '--enable-tftp',
    '--tftp-max=1000',
    `--tftp-root=${plain}`,
    '--dhcp-match=set:ipxe,175',
    `--dhcp-boot=tag:!ipxe,${LOADER},,${SERVER}`,
    `--dhcp-boot=tag:ipxe,http://${SERVER}/${SCRIPT}`
  ])
  const shell = ['sh', '-c', `${dnsmasq.map((word) => `'${word}'`).join(' ')} & exec "$@"`, 'sh', ...web.command]
  return { command: shell, ready: [...web.ready, { protocol: 'udp', port: 67 }, { protocol: 'udp', port: 69 }] }
}

/** What load/storm.c prints. */
interface StormResult {
  readonly seconds: number
  readonly up: number
  readonly machines: number
  readonly bytes: number
  readonly failure: string
  readonly failedAt: string
  readonly cpuSeconds: number
  /** When the last machine had ended each step. */
  readonly lastAt: Readonly<Record<string, number>>
}

async function storms(material: Material, scale: Scale, machines: number): Promise<Comparison> {
  const bytes = machines <= COMPARED_UP_TO ? 'every byte compared' : 'bytes counted'
  return compare(scale, {
    id: `machines-${machines}`,
    title: `${machines === 1 ? '1 machine' : `${machines} machines`}: loader, kernel, initrd and a 300 MB root each; ${bytes}`,
    metrics: METRICS,
    contenders: contendersOf(material),
    async run(contender, server) {
      await rehearse(material, contender)
      return strike(material, contender, server, machines)
    }
  })
}

/** The same through a wire that they share. */
async function wired(material: Material, scale: Scale): Promise<Comparison> {
  const machines = scale.extent === 'quick' ? 2 : WIRE_MACHINES
  return compare(scale, {
    id: `wire-${machines}`,
    title: `${machines} machines that share ${WIRE_MEGABITS / 1000} Gbit/s; bytes counted`,
    metrics: METRICS,
    contenders: contendersOf(material),
    async run(contender, server) {
      await rehearse(material, contender)
      using _wire = throttled(WIRE_MEGABITS, WIRE_BURST_BYTES, WIRE_QUEUE_BYTES)
      return await strike(material, contender, server, machines)
    }
  })
}

/** What is measured is a server that has been up for a while, not its first seconds. */
async function rehearse(material: Material, contender: StormContender): Promise<void> {
  const small = material.file('file-2m')
  const files = { kernel: small, initrd: small, root: small }
  await runLoad<StormResult>(commandOf(contender, files, { machines: REHEARSED_MACHINES, verify: 0 }))
}

function commandOf(
  contender: StormContender,
  files: Readonly<Record<'kernel' | 'initrd' | 'root', ServedFile>>,
  options: { readonly machines: number; readonly verify: 0 | 1 }
): readonly string[] {
  const named = Object.entries(files).flatMap(([name, file]) => [
    [name, `/${contender.nameOf(file)}`],
    [`${name}-original`, file.path]
  ])
  const { loader, script } = contender
  const given = { relay: RELAY, server: SERVER, loader, 'loader-original': LOADER_FILE, script, ...options }
  return atLoad([generator('storm'), ...flags({ ...given, ...Object.fromEntries(named) })])
}

async function strike(
  material: Material,
  contender: StormContender,
  server: RunningServer,
  machines: number
): Promise<Sample> {
  const files = { kernel: material.file('kernel'), initrd: material.file('initrd'), root: material.file('root') }
  const command = commandOf(contender, files, { machines, verify: machines <= COMPARED_UP_TO ? 1 : 0 })
  server.mark()
  const began = performance.now()
  const result = await runLoad<StormResult>(command)
  const wall = (performance.now() - began) / 1000
  const missing = result.machines - result.up
  const values = {
    seconds: missing > 0 ? wall : result.seconds,
    up: result.up,
    script: result.lastAt.script ?? Number.NaN,
    throughput: result.bytes / result.seconds / 1e6,
    cpuPerGigabyte: server.cpuSeconds / (result.bytes / 1e9),
    peakMegabytes: server.peakMegabytes,
    othersCores: server.othersCores(result.cpuSeconds),
    loadShare: result.cpuSeconds / wall
  }
  const failure = missing > 0 ? `${missing} not up: ${result.failure} at ${result.failedAt}` : undefined
  return { values, failure, command: displayed(command) }
}

function aimsOf(comparisons: readonly Comparison[]): readonly Aim[] {
  return comparisons.map((comparison) => {
    const isWired = comparison.id.startsWith('wire-')
    const machines = Number(comparison.id.split('-')[1])
    const share = ratio(comparison, PEER)
    const sooner = share === undefined ? Number.NaN : 1 / share
    // Whoever fills a wire is as fast as it is.
    const wanted = machines === 50 && !isWired ? 1.2 : 1
    const up = medianOf(comparison, US, 'up')
    const through = isWired ? ` through ${WIRE_MEGABITS / 1000} Gbit/s` : ''
    return {
      what: `the last of ${machines}${through}: how much sooner than with ${PEER}`,
      wanted: `≥ ${wanted}×, all up`,
      seen: `${sooner.toFixed(2)}×, ${up} up`,
      met: sooner >= wanted && up === machines
    }
  })
}
