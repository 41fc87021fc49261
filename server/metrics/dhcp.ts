// What is measured of DHCP: packets, what became of requests, how long answers and commits take, how full the pools are.
import { type DhcpEvent } from '../boot/journal.ts'
import { type Clock } from '../clock.ts'
import { type LeaseStore } from '../dhcp/leases.ts'
import { type DhcpServer } from '../dhcp/socket.ts'
import { formatSubnet } from '../net/ipv4.ts'
import { byLabel, counter, type Family, gauge, histogram } from './exposition.ts'
import { Histogram, LATENCY_SECONDS, type Observe } from './histogram.ts'

const BATCH_LEASES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000] as const

export class DhcpMetrics {
  readonly #answerSeconds = new Histogram(LATENCY_SECONDS)
  readonly #commitSeconds = new Histogram(LATENCY_SECONDS)
  readonly #commitLeases = new Histogram(BATCH_LEASES)
  readonly #events: Record<Exclude<DhcpEvent['kind'], 'dropped'>, number> = {
    offer: 0,
    ack: 0,
    nak: 0,
    'proxy-offer': 0,
    decline: 0,
    release: 0,
    'pool-empty': 0
  }

  readonly observeAnswer: Observe = this.#answerSeconds.observe

  event({ kind }: DhcpEvent): void {
    if (kind !== 'dropped') this.#events[kind] += 1 // the server counts those itself, by reason
  }

  /** The same store, with its commits timed. */
  timed(store: LeaseStore, clock: Clock): LeaseStore {
    return {
      load: () => store.load(),
      shift: (ms) => store.shift(ms),
      save: async (leases) => {
        const startedAt = clock.monotonic()
        await store.save(leases)
        this.#commitSeconds.observe((clock.monotonic() - startedAt) / 1000)
        this.#commitLeases.observe(leases.length)
      }
    }
  }

  collect(server: Pick<DhcpServer, 'counts' | 'usage'>): readonly Family[] {
    const { received, receivedBytes, sent, sentBytes, malformed, limited, overloaded, unsaved, sendFailed, failed } =
      server.counts()
    const subnets = server.usage().map((usage) => ({ ...usage, labels: { subnet: formatSubnet(usage.subnet) } }))
    return [
      counter('rootcast_dhcp_received_packets_total', 'Packets received', received),
      counter('rootcast_dhcp_received_bytes_total', 'Bytes received', receivedBytes),
      counter('rootcast_dhcp_sent_packets_total', 'Packets sent', sent),
      counter('rootcast_dhcp_sent_bytes_total', 'Bytes sent', sentBytes),
      counter('rootcast_dhcp_events_total', 'What became of requests', byLabel('kind', this.#events)),
      counter(
        'rootcast_dhcp_dropped_packets_total',
        'Packets that got no answer though they asked for one, by reason',
        byLabel('reason', { malformed, limited, overloaded, unsaved, 'send-failed': sendFailed, internal: failed })
      ),
      histogram(
        'rootcast_dhcp_answer_seconds',
        'From a request to its answer, with the lease on disk before an ACK',
        this.#answerSeconds.read()
      ),
      histogram('rootcast_dhcp_commit_seconds', 'How long a batch of leases took to disk', this.#commitSeconds.read()),
      histogram('rootcast_dhcp_commit_leases', 'How many leases a batch had', this.#commitLeases.read()),
      gauge(
        'rootcast_dhcp_pool_addresses',
        'Addresses in the pools of a subnet',
        subnets.map(({ labels, size }) => ({ labels, value: size }))
      ),
      gauge(
        'rootcast_dhcp_leases',
        'Addresses of a subnet that are taken, reservations included; a quarantined one was found in use by somebody else',
        subnets.flatMap(({ labels, bound, offered, declined }) =>
          byLabel('state', { bound, offered, quarantined: declined }).map(({ labels: state, value }) => ({
            labels: { ...labels, ...state },
            value
          }))
        )
      )
    ]
  }
}
