// DHCP through a relay agent: how many exchanges a second, how long they take, a thousand at once, a pool to its end.
import { setTimeout as pause } from 'node:timers/promises'
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
import { US } from '../contenders/contender.ts'
import { dhcpContenders, poolOf } from '../contenders/dhcp.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { atLoad, RELAY, SERVER } from '../lab/network.ts'
import { type RunningServer, runLoad, runPinned } from '../lab/pinned.ts'
import type { Material } from '../material.ts'
import type { Outcome, Scale, Section } from './section.ts'

const RATES = [250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000] as const
const ANSWERED = 0.99
const LARGE_POOL = 50_000
const FULL_POOL = 10_000
const CROWD = 1000
const KEA = 'Kea, memfile'
/** Firmware gives up after a minute or so. */
const PATIENCE_SECONDS = 30

const RATE_METRICS: readonly Metric[] = [
  { key: 'rate', label: 'exchanges/s, ≥ 99 % answered', better: 'more', digits: 0 },
  { key: 'cpuMicroseconds', label: 'CPU µs each', better: 'less', digits: 0 },
  { key: 'delay', label: 'ms at half that rate', better: 'less', digits: 2 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 }
]

const CROWD_METRICS: readonly Metric[] = [
  { key: 'seconds', label: 's until the last has one', better: 'less', digits: 2 },
  { key: 'leased', label: 'leased', better: 'more', digits: 0 },
  { key: 'doubles', label: 'doubles', better: 'less', digits: 0 },
  { key: 'timeouts', label: 'asked again', better: 'less', digits: 0 },
  { key: 'cpuMicroseconds', label: 'CPU µs each', better: 'less', digits: 0 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 }
]

export const dhcp: Section = {
  name: 'dhcp',
  title: 'DHCP',
  async run(material, scale): Promise<Outcome> {
    const comparisons = [await rates(material, scale), await crowd(material, scale), await fill(material, scale)]
    return { comparisons, aims: aimsOf(comparisons) }
  }
}

/** What one drive left in the server's sockets is not the next one's. */
const PAUSE_MS = 1000

/** The highest of a ladder of rates that perfdhcp drives with at least 99 % answered, found by halving. */
async function rates(material: Material, scale: Scale): Promise<Comparison> {
  return compare(scale, {
    id: 'rate',
    title: `perfdhcp as a relay: four-message exchanges of ${LARGE_POOL} addresses`,
    metrics: RATE_METRICS,
    contenders: dhcpContenders(material, poolOf(LARGE_POOL), 'none'),
    run: (_contender, server) => climb(server, scale)
  })
}

async function climb(server: RunningServer, scale: Scale): Promise<Sample> {
  const seconds = scale.extent === 'quick' ? 1 : 3
  // A server that has been up for a while: what is measured is the rate that it holds, not its first seconds.
  await drive(server, RATES[0], 2 * seconds)
  let best: Drive | undefined
  let low = 0
  let high: number = RATES.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const run = await hold(server, RATES[middle] ?? 0, seconds)
    if (run) {
      best = run
      low = middle + 1
    } else {
      high = middle
    }
  }
  const rate = best?.rate ?? 0
  const calm = await drive(server, Math.max(100, Math.round(rate / 2)), seconds)
  const values = {
    rate,
    cpuMicroseconds: best?.cpuMicroseconds ?? Number.NaN,
    delay: calm.delayMs,
    peakMegabytes: server.peakMegabytes
  }
  const failure = best ? undefined : `not even ${RATES[0]} a second`
  return { values, failure, command: displayed(best?.command ?? calm.command) }
}

/** Undefined when it is too much, twice in a row: what a machine's pause loses once is no server's limit. */
async function hold(server: RunningServer, rate: number, seconds: number): Promise<Drive | undefined> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const run = await drive(server, rate, seconds)
    if (run.answered >= ANSWERED) return run
  }
  return undefined
}

interface Drive {
  readonly rate: number
  /** ACKs for DISCOVERs. */
  readonly answered: number
  /** DISCOVER to OFFER and REQUEST to ACK together, on average. */
  readonly delayMs: number
  readonly cpuMicroseconds: number
  readonly command: readonly string[]
}

async function drive(server: RunningServer, rate: number, seconds: number): Promise<Drive> {
  const clients = ['-R', String(LARGE_POOL), '-l', RELAY]
  // Late answers have half a second; one thread, for there is one core.
  const pace = ['-r', String(rate), '-p', String(seconds), '-W', '500000', '-g', 'single']
  const command = ['perfdhcp', '-4', ...pace, ...clients, SERVER]
  await pause(PAUSE_MS)
  server.mark()
  const report = await runPinned(atLoad(command))
  const numbers = (label: string) =>
    [...report.matchAll(new RegExp(`^${label}: +([\\d.]+)`, 'gm'))].map((found) => Number(found[1]))
  const [discovers = 0] = numbers('sent packets')
  const [, acks = 0] = numbers('received packets')
  return {
    rate,
    // perfdhcp falls behind when it is starved itself.
    answered: acks / Math.max(discovers, rate * seconds * 0.97),
    delayMs: numbers('avg delay').reduce((sum, each) => sum + each, 0),
    cpuMicroseconds: (server.cpuSeconds * 1e6) / Math.max(1, acks),
    command
  }
}

async function crowd(material: Material, scale: Scale): Promise<Comparison> {
  return compare(scale, {
    id: 'crowd',
    title: `${CROWD} machines switched on at once`,
    metrics: CROWD_METRICS,
    contenders: dhcpContenders(material, poolOf(LARGE_POOL), 'default'),
    run: (_contender, server) => lease(server, { clients: CROWD })
  })
}

async function fill(material: Material, scale: Scale): Promise<Comparison> {
  return compare(scale, {
    id: 'fill',
    title: `A pool of ${FULL_POOL} addresses, handed out to its end to ${FULL_POOL} machines, 100 at a time`,
    metrics: CROWD_METRICS,
    contenders: dhcpContenders(material, poolOf(FULL_POOL), 'none'),
    run: (_contender, server) => lease(server, { clients: FULL_POOL, 'at-once': 100 })
  })
}

/** What load/dhcp.c prints. */
interface LeaseResult {
  readonly seconds: number
  readonly leased: number
  readonly doubles: number
  readonly failed: number
  readonly timeouts: number
  readonly cpuSeconds: number
}

async function lease(server: RunningServer, options: Readonly<Record<string, number>>): Promise<Sample> {
  const given = { relay: RELAY, server: SERVER, ...options, 'at-most': PATIENCE_SECONDS }
  const command = atLoad([generator('dhcp'), ...flags(given)])
  server.mark()
  const { seconds, leased, doubles, timeouts, cpuSeconds } = await runLoad<LeaseResult>(command)
  const missing = (options.clients ?? 0) - leased
  const values = {
    seconds: missing > 0 ? PATIENCE_SECONDS : seconds,
    leased,
    doubles,
    timeouts,
    othersCores: server.othersCores(cpuSeconds),
    cpuMicroseconds: (server.cpuSeconds * 1e6) / Math.max(1, leased),
    peakMegabytes: server.peakMegabytes
  }
  const failure = missing > 0 ? `${missing} had no address after ${PATIENCE_SECONDS} s` : undefined
  return { values, failure, command: displayed(command) }
}

function aimsOf(comparisons: readonly Comparison[]): readonly Aim[] {
  const find = (id: string) => comparisons.find((comparison) => comparison.id === id)
  const [rate, atOnce, full] = [find('rate'), find('crowd'), find('fill')]
  const seconds = medianOf(atOnce, US, 'seconds') ?? Number.NaN
  const leased = medianOf(full, US, 'leased') ?? 0
  const doubles = medianOf(full, US, 'doubles') ?? Number.NaN
  return [
    ratioAim(
      'exchanges a second, each lease on disk before its ACK: against Kea, which does not sync',
      ratio(rate, KEA),
      {
        atLeast: 1
      }
    ),
    ratioAim('CPU for each: against Kea', ratio(rate, KEA, 'cpuMicroseconds'), { atMost: 1.5 }),
    { what: `${CROWD} machines at once`, wanted: '≤ 2 s', seen: `${seconds.toFixed(2)} s`, met: seconds <= 2 },
    {
      what: `a pool of ${FULL_POOL}`,
      wanted: `${FULL_POOL} leased, none double`,
      seen: `${leased} leased, ${doubles} double`,
      met: leased === FULL_POOL && doubles === 0
    }
  ]
}
