// What is measured of the boot face: the counts that it keeps, and how long requests and downloads take.
import type { TransferReport } from '../boot/model.ts'
import type { HttpCounters } from '../http/counters.ts'
import { byLabel, counter, type Family, gauge, histogram } from './exposition.ts'
import { DURATION_SECONDS, Histogram, LATENCY_SECONDS, type Observe } from './histogram.ts'

export class HttpMetrics {
  readonly #firstByteSeconds = new Histogram(LATENCY_SECONDS)
  readonly #requestSeconds = new Histogram([...LATENCY_SECONDS, 10, 30, 60, 120, 300, 600])
  readonly #transferSeconds = new Histogram(DURATION_SECONDS)
  readonly #transfers = { ok: 0, failed: 0 }

  readonly observeFirstByte: Observe = this.#firstByteSeconds.observe
  readonly observeRequest: Observe = this.#requestSeconds.observe

  transfer({ outcome, durationMs }: TransferReport): void {
    if (outcome !== 'ok' && outcome !== 'failed') return
    this.#transfers[outcome] += 1
    if (outcome === 'ok') this.#transferSeconds.observe(durationMs / 1000)
  }

  collect(counters: HttpCounters): readonly Family[] {
    return [
      counter('rootcast_http_requests_total', 'Requests to the boot face', counters.requests),
      gauge('rootcast_http_requests_in_flight', 'Requests that are being answered', counters.requestsInFlight),
      counter('rootcast_http_answers_total', 'Answers, by status', byLabel('code', counters.answers)),
      counter('rootcast_http_sent_bytes_total', 'Bytes of files and scripts sent, without headers', counters.sentBytes),
      counter(
        'rootcast_http_dropped_connections_total',
        'Connections turned away or closed, by reason',
        byLabel('reason', counters.drops)
      ),
      counter(
        'rootcast_http_transfers_total',
        'Downloads of files and scripts that ended; those that broke off may be gone on with',
        byLabel('outcome', this.#transfers)
      ),
      histogram(
        'rootcast_http_first_byte_seconds',
        "From a request's headers to the first byte of its answer",
        this.#firstByteSeconds.read()
      ),
      histogram(
        'rootcast_http_request_seconds',
        "From a request's headers to the end of its answer",
        this.#requestSeconds.read()
      ),
      histogram(
        'rootcast_http_transfer_seconds',
        'How long downloads took that went well',
        this.#transferSeconds.read()
      )
    ]
  }
}
