import t from 'tap'
import type { DhcpEvent } from '../../../server/boot/journal.ts'
import { DhcpMetrics } from '../../../server/metrics/dhcp.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { BrokenLeaseStore, MemoryLeaseStore } from '../../fakes/lease-store.ts'
import { MemoryLeaseStore6 } from '../../fakes/lease-store6.ts'
import { addr, net } from '../../support/dhcp-packets.ts'
import { reading } from '../../support/metrics.ts'

const COUNTS = {
  received: 10,
  receivedBytes: 3000,
  sent: 5,
  sentBytes: 1500,
  malformed: 1,
  overloaded: 2,
  limited: 7,
  unsaved: 3,
  sendFailed: 4,
  failed: 6
}
const SERVER = {
  counts: () => COUNTS,
  messages: () => ({ discover: 6, other: 1 }),
  usage: () => [{ subnet: net('10.0.0.0/24'), size: 100, bound: 7, offered: 2, declined: 1 }]
}

function event(kind: DhcpEvent['kind']): DhcpEvent {
  const who = { mac: '52:54:00:00:00:01', address: undefined, stage: 'firmware', arch: 'x86-bios' } as const
  return { ...who, kind, uuid: undefined, detail: '' }
}

t.test('packets, drops and pools', async (t) => {
  const metrics = new DhcpMetrics('dhcp')
  for (const kind of ['offer', 'ack', 'ack', 'dropped'] as const) metrics.event(event(kind))
  metrics.observeAnswer(0.003)
  const value = reading(metrics.collect(SERVER))
  const wanted = {
    rootcast_dhcp_received_packets_total: 10,
    rootcast_dhcp_received_bytes_total: 3000,
    'rootcast_dhcp_received_messages_total{type="discover"}': 6,
    'rootcast_dhcp_received_messages_total{type="other"}': 1,
    rootcast_dhcp_sent_packets_total: 5,
    rootcast_dhcp_sent_bytes_total: 1500,
    'rootcast_dhcp_events_total{kind="offer"}': 1,
    'rootcast_dhcp_events_total{kind="ack"}': 2,
    'rootcast_dhcp_events_total{kind="nak"}': 0,
    'rootcast_dhcp_dropped_packets_total{reason="malformed"}': 1,
    'rootcast_dhcp_dropped_packets_total{reason="overloaded"}': 2,
    'rootcast_dhcp_dropped_packets_total{reason="limited"}': 7,
    'rootcast_dhcp_dropped_packets_total{reason="unsaved"}': 3,
    'rootcast_dhcp_dropped_packets_total{reason="send-failed"}': 4,
    'rootcast_dhcp_dropped_packets_total{reason="internal"}': 6,
    rootcast_dhcp_answer_seconds_sum: 0.003,
    'rootcast_dhcp_pool_addresses{subnet="10.0.0.0/24"}': 100,
    'rootcast_dhcp_leases{subnet="10.0.0.0/24",state="bound"}': 7,
    'rootcast_dhcp_leases{subnet="10.0.0.0/24",state="offered"}': 2,
    'rootcast_dhcp_leases{subnet="10.0.0.0/24",state="quarantined"}': 1
  }
  for (const [sample, expected] of Object.entries(wanted)) t.equal(value(sample), expected, sample)
})

t.test('commits are timed, and go to the store as they are', async (t) => {
  const metrics = new DhcpMetrics('dhcp')
  const clock = new FakeClock()
  const slow = new (class extends MemoryLeaseStore {
    override save(leases: Parameters<MemoryLeaseStore['save']>[0]) {
      clock.advance(20)
      return super.save(leases)
    }
  })()
  const lease = {
    address: addr('10.0.0.7'),
    mac: '52:54:00:00:00:01',
    clientId: undefined,
    hostname: undefined,
    state: 'bound',
    expiresAt: 2,
    updatedAt: 1,
    pool: 'reservation'
  } as const
  const store = metrics.timed(slow, clock)
  await store.save([lease, { ...lease, address: addr('10.0.0.8') }])
  t.equal((await slow.load()).length, 2)
  const value = reading(metrics.collect(SERVER))
  t.equal(value('rootcast_dhcp_commit_seconds_sum'), 0.02)
  t.equal(value('rootcast_dhcp_commit_leases_sum'), 2)
  t.equal(value('rootcast_dhcp_commit_leases_count'), 1)
})

t.test('a commit that fails is no commit, and fails', async (t) => {
  const metrics = new DhcpMetrics('dhcp')
  await t.rejects(metrics.timed(new BrokenLeaseStore(), new FakeClock()).save([]))
  t.equal(reading(metrics.collect(SERVER))('rootcast_dhcp_commit_seconds_count'), 0)
})

t.test('DHCPv6 has names of its own; there no offer is kept', async (t) => {
  const metrics = new DhcpMetrics('dhcp6')
  for (const kind of ['ack', 'dropped'] as const) metrics.event(event(kind))
  const lease = { address: 'fd00:77::9', identity: '', duid: '', state: 'bound', expiresAt: 2, updatedAt: 1 } as const
  const stored = new MemoryLeaseStore6()
  const store = metrics.timed6(stored, new FakeClock())
  await store.save([lease])
  t.same(await stored.load(), [lease])
  const value = reading(
    metrics.collect({
      counts: () => COUNTS,
      messages: () => ({ solicit: 4 }),
      usage: () => [{ subnet: { network: 'fd00:77::', prefix: 64 }, size: 9, bound: 3, declined: 2 }]
    })
  )
  const wanted = {
    'rootcast_dhcp6_received_messages_total{type="solicit"}': 4,
    'rootcast_dhcp6_events_total{kind="ack"}': 1,
    'rootcast_dhcp6_events_total{kind="pool-empty"}': 1,
    'rootcast_dhcp6_dropped_packets_total{reason="malformed"}': 1,
    'rootcast_dhcp6_dropped_packets_total{reason="limited"}': 7,
    rootcast_dhcp6_commit_leases_sum: 1,
    'rootcast_dhcp6_pool_addresses{subnet="fd00:77::/64"}': 9,
    'rootcast_dhcp6_leases{subnet="fd00:77::/64",state="bound"}': 3,
    'rootcast_dhcp6_leases{subnet="fd00:77::/64",state="offered"}': undefined,
    'rootcast_dhcp6_leases{subnet="fd00:77::/64",state="quarantined"}': 2
  }
  for (const [sample, expected] of Object.entries(wanted)) t.equal(value(sample), expected, sample)
})
