// What is measured of TFTP: the counts that its server keeps, and how long transfers take.
import type { TransferReport } from '../boot/model.ts'
import type { TftpServer } from '../tftp/server.ts'
import { byLabel, counter, type Family, gauge, histogram } from './exposition.ts'
import { DURATION_SECONDS, Histogram, LATENCY_SECONDS } from './histogram.ts'

export class TftpMetrics {
  readonly #firstAckSeconds = new Histogram(LATENCY_SECONDS)
  readonly #transferSeconds = new Histogram(DURATION_SECONDS)

  transfer({ outcome, durationMs }: TransferReport): void {
    if (outcome === 'started') this.#firstAckSeconds.observe(durationMs / 1000)
    if (outcome === 'ok') this.#transferSeconds.observe(durationMs / 1000)
  }

  collect({ counters, openFiles }: Pick<TftpServer, 'counters' | 'openFiles'>): readonly Family[] {
    const { transfersOk: ok, transfersFailed: failed, probes: probe } = counters
    return [
      counter('rootcast_tftp_requests_total', 'Well-formed requests, repeated ones included', counters.requests),
      counter('rootcast_tftp_sent_bytes_total', 'File bytes sent, retransmissions included', counters.bytes),
      counter('rootcast_tftp_sent_blocks_total', 'DATA packets sent, retransmissions included', counters.blocks),
      counter('rootcast_tftp_retransmitted_blocks_total', 'DATA packets sent again', counters.retransmissions),
      gauge('rootcast_tftp_transfers_in_flight', 'Transfers under way', counters.transfersInFlight),
      gauge('rootcast_tftp_open_files', 'Files open for transfers', openFiles),
      counter(
        'rootcast_tftp_transfers_total',
        'Transfers that ended; a probe took no data',
        byLabel('outcome', { ok, failed, probe })
      ),
      counter(
        'rootcast_tftp_dropped_packets_total',
        'Packets that got no answer, by reason',
        byLabel('reason', counters.drops)
      ),
      counter('rootcast_tftp_errors_total', 'Requests refused, by TFTP error code', byLabel('code', counters.errors)),
      histogram(
        'rootcast_tftp_first_ack_seconds',
        'From a request to the first acknowledged data',
        this.#firstAckSeconds.read()
      ),
      histogram(
        'rootcast_tftp_transfer_seconds',
        'From a request to the end of its transfer, where that went well',
        this.#transferSeconds.read()
      )
    ]
  }
}
