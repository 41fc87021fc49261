import t from 'tap'
import type { TransferReport } from '../../../server/boot/model.ts'
import { TftpMetrics } from '../../../server/metrics/tftp.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { reading } from '../../support/metrics.ts'
import { RawTftpClient, tftpFetch } from '../../support/tftp-client.ts'
import { serveTftp, text } from '../../support/tftp-server.ts'

t.test('each count of the server moves when its thing happens', async (t) => {
  const metrics = new TftpMetrics()
  const ended = Promise.withResolvers<void>()
  const report = (transfer: TransferReport) => {
    metrics.transfer(transfer)
    if (transfer.outcome === 'ok') ended.resolve()
  }
  await using tftp = await serveTftp({ a: text('x'.repeat(1000)) }, { report, clock: new FakeClock() })
  const now = () => reading(metrics.collect(tftp.server))
  t.equal(now()('rootcast_tftp_requests_total'), 0)
  t.equal(now()('rootcast_tftp_dropped_packets_total{reason="malformed"}'), 0)

  await tftpFetch(tftp.at, 'a')
  await ended.promise
  await using stranger = await RawTftpClient.open()
  stranger.read('nosuch', {}, tftp.at)
  t.match((await stranger.next())?.packet, { kind: 'error', errorCode: 1 })
  stranger.send(Buffer.from([0]), tftp.at)
  stranger.read('a', {}, tftp.at)
  t.match((await stranger.next())?.packet, { kind: 'data', block: 1 })

  const value = now()
  t.equal(value('rootcast_tftp_requests_total'), 3)
  t.equal(value('rootcast_tftp_sent_bytes_total'), 1512)
  t.equal(value('rootcast_tftp_sent_blocks_total'), 3)
  t.equal(value('rootcast_tftp_retransmitted_blocks_total'), 0)
  t.equal(value('rootcast_tftp_transfers_in_flight'), 1)
  t.equal(value('rootcast_tftp_transfers_total{outcome="ok"}'), 1)
  t.equal(value('rootcast_tftp_errors_total{code="1"}'), 1)
  t.equal(value('rootcast_tftp_dropped_packets_total{reason="malformed"}'), 1)
  t.equal(value('rootcast_tftp_first_ack_seconds_count'), 1)
  t.equal(value('rootcast_tftp_transfer_seconds_count'), 1)
})

t.test('time is measured in seconds', async (t) => {
  const metrics = new TftpMetrics()
  const told = {
    name: 'a',
    via: 'tftp',
    client: undefined,
    doneBytes: 0,
    sentBytes: 0,
    totalBytes: 1,
    reason: undefined
  } as const
  metrics.transfer({ ...told, outcome: 'started', durationMs: 2 })
  metrics.transfer({ ...told, outcome: 'progress', durationMs: 900 })
  metrics.transfer({ ...told, outcome: 'ok', durationMs: 1500 })
  metrics.transfer({ ...told, outcome: 'failed', durationMs: 99_000 })
  await using tftp = await serveTftp({})
  const value = reading(metrics.collect(tftp.server))
  t.equal(value('rootcast_tftp_first_ack_seconds_sum'), 0.002)
  t.equal(value('rootcast_tftp_transfer_seconds_sum'), 1.5)
})
