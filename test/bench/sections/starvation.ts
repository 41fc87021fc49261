// DHCP while somebody invents machines to take all addresses away.
import { type Aim, type Comparison, compare, type Metric, type Sample } from '../comparison.ts'
import type { Contender } from '../contenders/contender.ts'
import { authoritative, poolOf } from '../contenders/dhcp.ts'
import { rootcast } from '../contenders/rootcast.ts'
import { displayed, flags, generator } from '../lab/generators.ts'
import { atLoad, LOAD_LINK, RELAY, SERVER } from '../lab/network.ts'
import { type RunningServer, runLoad } from '../lab/pinned.ts'
import type { Material } from '../material.ts'
import type { Scale } from './section.ts'

const STARVATION_METRICS: readonly Metric[] = [
  { key: 'failed', label: 'honest exchanges that failed', better: 'less', digits: 0 },
  { key: 'exchanges', label: 'that succeeded', better: 'neither', digits: 0 },
  { key: 'timeouts', label: 'asked again', better: 'less', digits: 0 },
  { key: 'milliseconds', label: 'ms an exchange', better: 'less', digits: 2 },
  { key: 'taken', label: 'addresses taken', better: 'neither', digits: 0 },
  { key: 'peakMegabytes', label: 'peak RSS, MB', better: 'less', digits: 0 }
]
const QUIET = 'nobody else'
const INVENTED = 100_000
const INVENTED_PER_SECOND = 10_000
/** They have their lease before it begins. */
const MACHINES = 100
/** Strangers' burst and their share of each second are smaller. */
const POOL = 20_000
const STARVED = '100,000 random MACs ask'
const TAKEN = '100,000 random MACs ask, and take what they are offered'

interface Scenario extends Contender {
  readonly harm: readonly string[] | undefined
}

/** Machines with a lease get it again and again, while others are invented. */
export async function starvation(material: Material, scale: Scale): Promise<Comparison> {
  const daemon = rootcast(material, { address: SERVER, dhcp: authoritative(poolOf(POOL)) })
  const packets = scale.extent === 'quick' ? INVENTED / 10 : INVENTED
  const harm = (kind: string) =>
    atLoad([generator('flood'), ...flags({ kind, device: LOAD_LINK, packets, rate: INVENTED_PER_SECOND })])
  return compare(scale, {
    id: 'dhcp-starvation',
    title: `DHCP: ${MACHINES} machines that have a lease ask for it again and again; beside them`,
    metrics: STARVATION_METRICS,
    contenders: [
      { ...daemon, name: QUIET, harm: undefined },
      { ...daemon, name: STARVED, harm: harm('discover') },
      { ...daemon, name: TAKEN, harm: harm('lease') }
    ],
    run: ({ harm }: Scenario, server) => leaseAgain(server, harm)
  })
}

interface LeaseResult {
  readonly seconds: number
  readonly leased: number
  readonly failed: number
  readonly timeouts: number
}

async function leaseAgain(server: RunningServer, harm: readonly string[] | undefined): Promise<Sample> {
  const command = atLoad([
    generator('dhcp'),
    ...flags({ relay: RELAY, server: SERVER, clients: MACHINES, 'at-once': 1, 'at-most': 60 })
  ])
  await runLoad<LeaseResult>(command)
  let isOver = harm === undefined
  const flood = harm === undefined ? undefined : runLoad<{ acks: number }>(harm).finally(() => (isOver = true))
  const sum = { exchanges: 0, failed: 0, timeouts: 0, seconds: 0 }
  do {
    const { leased, failed, timeouts, seconds } = await runLoad<LeaseResult>(command)
    sum.exchanges += leased
    sum.failed += failed
    sum.timeouts += timeouts
    sum.seconds += seconds
  } while (!isOver)
  const { seconds, ...counts } = sum
  const taken = (await flood)?.acks ?? 0
  const milliseconds = (seconds / Math.max(1, counts.exchanges)) * 1000
  const failure = counts.failed > 0 ? `${counts.failed} machines with a lease were not served` : undefined
  return {
    values: { ...counts, milliseconds, taken, peakMegabytes: server.peakMegabytes },
    failure,
    command: displayed(harm ?? command)
  }
}

export function starvationAims({ rows }: Comparison): readonly Aim[] {
  return rows
    .filter(({ contender }) => contender !== QUIET)
    .flatMap(({ contender, medians, failures }) => {
      const peak = medians.peakMegabytes ?? Number.NaN
      return [
        {
          what: `${contender}: honest exchanges that failed`,
          wanted: 'none',
          seen: failures.join('; ') || `none of ${medians.exchanges}`,
          met: failures.length === 0
        },
        { what: `${contender}: peak RSS`, wanted: '≤ 200 MB', seen: `${peak.toFixed(0)} MB`, met: peak <= 200 }
      ]
    })
}
