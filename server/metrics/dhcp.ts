// What is measured of DHCP and DHCPv6: packets, what became of requests, how long answers and commits take, how full the
// pools are.
import type { DhcpEvent } from '../boot/journal.ts'
import type { Clock } from '../clock.ts'
import type { LeaseStore } from '../dhcp/leases.ts'
import type { DhcpCounts } from '../dhcp/socket.ts'
import type { LeaseStore6 } from '../dhcp6/leases.ts'
import { type Address, formatAddress } from '../net/address.ts'
import { byLabel, counter, type Family, gauge, histogram } from './exposition.ts'
import { Histogram, LATENCY_SECONDS, type Observe } from './histogram.ts'

/** What either server tells of itself. */
export interface MeasuredDhcp {
  counts(): Readonly<DhcpCounts>
  messages(): Readonly<Record<string, number>>
  usage(): readonly AddressUsage[]
}

interface AddressUsage {
  readonly subnet: { readonly network: Address; readonly prefix: number }
  readonly size: number
  readonly bound: number
  readonly offered?: number
  readonly declined: number
}

type EventKind = Exclude<DhcpEvent['kind'], 'dropped'>

const BATCH_LEASES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000] as const

export class DhcpMetrics {
  readonly #protocol: 'dhcp' | 'dhcp6'
  readonly #answerSeconds = new Histogram(LATENCY_SECONDS)
  readonly #commitSeconds = new Histogram(LATENCY_SECONDS)
  readonly #commitLeases = new Histogram(BATCH_LEASES)
  readonly #events: Record<EventKind, number> = {
    offer: 0,
    ack: 0,
    nak: 0,
    'proxy-offer': 0,
    decline: 0,
    release: 0,
    'pool-empty': 0
  }

  /** @param protocol as the names of its metrics have it */
  constructor(protocol: 'dhcp' | 'dhcp6') {
    this.#protocol = protocol
  }

  readonly observeAnswer: Observe = this.#answerSeconds.observe

  event({ kind }: DhcpEvent): void {
    if (kind !== 'dropped') this.#events[kind] += 1
    // Of DHCP, the server counts those itself, by reason; of DHCPv6 they were told that there is no address.
    else if (this.#protocol === 'dhcp6') this.#events['pool-empty'] += 1
  }

  /** The same store, with its commits timed. */
  timed(store: LeaseStore, clock: Clock): LeaseStore {
    return { shift: (ms) => store.shift(ms), save: this.#timedSave(store, clock) }
  }

  timed6(store: LeaseStore6, clock: Clock): LeaseStore6 {
    return { save: this.#timedSave(store, clock) }
  }

  collect(server: MeasuredDhcp): readonly Family[] {
    const name = (rest: string) => `rootcast_${this.#protocol}_${rest}`
    const { received, receivedBytes, sent, sentBytes, ...rest } = server.counts()
    const { limited, malformed, overloaded, unsaved, sendFailed, failed } = rest
    const drops = { malformed, limited, overloaded, unsaved, 'send-failed': sendFailed, internal: failed }
    const usage = server.usage().map((one) => ({ ...one, labels: { subnet: formatNetwork(one.subnet) } }))
    return [
      counter(name('received_packets_total'), 'Packets received', received),
      counter(name('received_bytes_total'), 'Bytes received', receivedBytes),
      counter(
        name('received_messages_total'),
        'Well-formed messages received, by type',
        byLabel('type', server.messages())
      ),
      counter(name('sent_packets_total'), 'Packets sent', sent),
      counter(name('sent_bytes_total'), 'Bytes sent', sentBytes),
      counter(name('events_total'), 'What became of requests', byLabel('kind', this.#events)),
      counter(
        name('dropped_packets_total'),
        'Packets that got no answer though they asked for one, by reason',
        byLabel('reason', drops)
      ),
      histogram(
        name('answer_seconds'),
        'From a request to its answer, with the lease on disk before it is promised',
        this.#answerSeconds.read()
      ),
      histogram(name('commit_seconds'), 'How long a batch of leases took to disk', this.#commitSeconds.read()),
      histogram(name('commit_leases'), 'How many leases a batch had', this.#commitLeases.read()),
      gauge(
        name('pool_addresses'),
        'Addresses that a subnet has to give',
        usage.map(({ labels, size }) => ({ labels, value: size }))
      ),
      gauge(
        name('leases'),
        'Addresses of a subnet that are taken, reservations included; a quarantined one was found in use by somebody else',
        usage.flatMap(({ labels, bound, offered, declined }) =>
          byLabel('state', { bound, ...(offered === undefined ? {} : { offered }), quarantined: declined }).map(
            ({ labels: state, value }) => ({ labels: { ...labels, ...state }, value })
          )
        )
      )
    ]
  }

  #timedSave<Lease>(store: { save(leases: readonly Lease[]): Promise<void> }, clock: Clock) {
    return async (leases: readonly Lease[]): Promise<void> => {
      const startedAt = clock.monotonic()
      await store.save(leases)
      this.#commitSeconds.observe((clock.monotonic() - startedAt) / 1000)
      this.#commitLeases.observe(leases.length)
    }
  }
}

function formatNetwork({ network, prefix }: AddressUsage['subnet']): string {
  return `${formatAddress(network)}/${prefix}`
}
