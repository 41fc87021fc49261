import t from 'tap'
import { newHttpCounters } from '../../../server/http/counters.ts'
import { HttpMetrics } from '../../../server/metrics/http.ts'
import { reading } from '../../support/metrics.ts'

const TOLD = {
  name: 'boot.ipxe',
  via: 'http',
  client: undefined,
  doneBytes: 9,
  sentBytes: 9,
  totalBytes: 9,
  reason: undefined
} as const

t.test('what the face counted, and what it told of its downloads', async (t) => {
  const metrics = new HttpMetrics()
  metrics.observeFirstByte(0.001)
  metrics.observeRequest(0.002)
  metrics.transfer({ ...TOLD, outcome: 'started', durationMs: 0 })
  metrics.transfer({ ...TOLD, outcome: 'ok', durationMs: 500 })
  metrics.transfer({ ...TOLD, outcome: 'failed', durationMs: 700 })
  const counters = { ...newHttpCounters(), requests: 3, requestsInFlight: 1, sentBytes: 99 }
  counters.drops['no-request'] = 4
  const value = reading(metrics.collect({ ...counters, answers: { 200: 1, 404: 2 } }))
  const wanted = {
    rootcast_http_requests_total: 3,
    rootcast_http_requests_in_flight: 1,
    'rootcast_http_answers_total{code="200"}': 1,
    'rootcast_http_answers_total{code="404"}': 2,
    rootcast_http_sent_bytes_total: 99,
    'rootcast_http_dropped_connections_total{reason="no-request"}': 4,
    'rootcast_http_dropped_connections_total{reason="too-many"}': 0,
    'rootcast_http_transfers_total{outcome="ok"}': 1,
    'rootcast_http_transfers_total{outcome="failed"}': 1,
    rootcast_http_first_byte_seconds_sum: 0.001,
    rootcast_http_request_seconds_sum: 0.002,
    rootcast_http_transfer_seconds_count: 1,
    rootcast_http_transfer_seconds_sum: 0.5
  }
  for (const [sample, expected] of Object.entries(wanted)) t.equal(value(sample), expected, sample)
})
