import t from 'tap'
import type { Sendable, UdpChannel } from '../../../server/net/udp.ts'
import { Alarms } from '../../../server/tftp/alarms.ts'
import { BlockReader, type ByteSource, SlabCache } from '../../../server/tftp/blocks.ts'
import { decodeTftp, encodeAck, encodeError, encodeOack, type TftpPacket } from '../../../server/tftp/packet.ts'
import { Session, type SessionEnd, type SessionOptions } from '../../../server/tftp/session.ts'
import type { TransferTerms } from '../../../server/tftp/transfer.ts'
import { FakeClock } from '../../fakes/clock.ts'

class FakeChannel implements UdpChannel {
  readonly sent: TftpPacket[] = []
  closed = 0

  send({ bytes }: Sendable, start: number, end: number, segmentBytes: number): void {
    for (let at = start; at < end; at += segmentBytes) {
      this.sent.push(decodeTftp(bytes.subarray(at, Math.min(end, at + segmentBytes))))
    }
  }

  close(): void {
    this.closed++
  }

  /** Block numbers (0 for an OACK) sent since the last call. */
  take(): (number | string)[] {
    return this.sent.splice(0).map((p) => (p.kind === 'data' ? p.block : p.kind === 'oack' ? 0 : p.kind))
  }
}

const memory = (sizeBytes: number): ByteSource => ({ sizeBytes, read: async (into) => void into.fill(7) })
const turns = () => new Promise((resolve) => setImmediate(resolve))

function harness(terms: Partial<TransferTerms>, source: ByteSource, slabBytes = 400) {
  const clock = new FakeClock(0)
  const channel = new FakeChannel()
  const reader = new BlockReader(source, 100, new SlabCache({ slabBytes }))
  const log: string[] = []
  const ends: SessionEnd[] = []
  const options: SessionOptions = {
    channel,
    clock,
    alarms: new Alarms(clock),
    reader,
    terms: {
      blocks: reader.blocks,
      windowsize: 1,
      oack: false,
      initialTimeoutMs: 1000,
      minTimeoutMs: 20,
      maxTimeoutMs: 4000,
      giveUpAfterMs: 15_000,
      minTries: 5,
      ...terms
    },
    oack: terms.oack ? encodeOack(new Map([['blksize', '100']])) : undefined,
    counters: { bytes: 0, blocks: 0, retransmissions: 0 },
    progressEveryMs: 1000,
    onStarted: () => log.push('started'),
    onProgress: (doneBytes) => log.push(`progress ${doneBytes}`),
    onMalformed: () => log.push('malformed'),
    onEnd: (end) => ends.push(end)
  }
  return { clock, channel, options, log, ends, session: new Session(options) }
}

t.test('a window that begins and ends in slabs that are there waits for the one between them', async (t) => {
  const { session, channel } = harness({ oack: true, windowsize: 9 }, memory(5000))
  await turns()
  channel.take()
  session.receive(encodeAck(0))
  await turns()
  for (let acked = 9; acked <= 45; acked += 9) {
    t.same(
      channel.take(),
      Array.from({ length: 9 }, (_, i) => acked - 8 + i)
    )
    session.receive(encodeAck(acked))
    await turns()
  }
})

t.test('a windowed transfer from OACK to the end, over several slabs', async (t) => {
  const { session, channel, log, ends, options } = harness({ oack: true, windowsize: 3 }, memory(1050))
  const acks = [0, 3, 6, 9, 11]
  const seen: unknown[] = []
  for (const block of acks) {
    await turns()
    seen.push(channel.take())
    session.receive(encodeAck(block))
  }
  t.same(seen, [[0], [1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11]])
  t.same(ends, [{ kind: 'ok', confirmed: true }])
  t.same(log, ['started'])
  t.same(options.counters, { bytes: 1050, blocks: 11, retransmissions: 0 })
  t.equal(channel.closed, 1)
  t.equal(session.doneBytes, 1050)
})

t.test('T3: a doubled ACK sends nothing; the timer does, and counts it', async (t) => {
  const { session, channel, clock } = harness({}, memory(1000))
  await turns()
  t.same(channel.take(), [1])
  session.receive(encodeAck(1))
  session.receive(encodeAck(1))
  await turns()
  t.same(channel.take(), [2])
  clock.advance(900)
  await turns()
  t.ok(session.retransmissions >= 1)
  t.ok(channel.take().every((block) => block === 2))
})

t.test('silence ends it and frees the channel', async (t) => {
  const { channel, clock, ends } = harness({}, memory(1000))
  await turns()
  clock.advance(60_000)
  await turns()
  t.same(ends, [{ kind: 'failed', reason: 'timed-out', detail: '' }])
  t.equal(channel.closed, 1)
})

t.test("the client's ERROR ends it, with its words", async (t) => {
  const { session, ends } = harness({ oack: true }, memory(1000))
  session.receive(encodeError(8, 'User aborted the transfer'))
  session.receive(encodeAck(0))
  t.same(ends, [{ kind: 'failed', reason: 'refused-by-client', detail: '8 User aborted the transfer' }])
})

t.test('rubbish is counted and disturbs nothing', async (t) => {
  const { session, channel, log, ends } = harness({}, memory(150))
  await turns()
  for (const bytes of [[], [0], [0, 4, 1], [9, 9, 9, 9], [0, 3, 0, 1, 5]]) session.receive(Buffer.from(bytes))
  t.same(log, ['malformed', 'malformed', 'malformed', 'malformed', 'malformed'])
  session.receive(encodeAck(1))
  session.receive(encodeAck(2))
  t.same(channel.take(), [1, 2])
  t.same(ends, [{ kind: 'ok', confirmed: true }])
})

t.test('T16: a repeated request repeats the OACK and, once answered, nothing', async (t) => {
  const { session, channel } = harness({ oack: true }, memory(1000))
  session.repeatRequest()
  t.same(channel.take(), [0, 0])
  session.receive(encodeAck(0))
  await turns()
  session.repeatRequest()
  t.same(channel.take(), [1])
})

t.test('while the disk is slow no timer runs', async (t) => {
  let ready: () => void = () => undefined
  const slow: ByteSource = { sizeBytes: 1000, read: () => new Promise<void>((resolve) => (ready = resolve)) }
  const { channel, clock, ends, session } = harness({}, slow)
  clock.advance(60_000)
  t.same(ends, [])
  ready()
  await turns()
  await turns()
  t.same(channel.take(), [1])
  t.equal(session.retransmissions, 0)
  clock.advance(1001)
  t.same(channel.take(), [1], 'and the timer runs from when the block left')
})

t.test('a read that fails ends it, and the client is told no detail', async (t) => {
  const broken: ByteSource = { sizeBytes: 1000, read: () => Promise.reject(new Error('EIO: /secret/path')) }
  const { channel, ends } = harness({}, broken)
  await turns()
  t.match(channel.sent, [{ kind: 'error', errorCode: 0, message: 'read failed' }])
  t.match(ends, [{ kind: 'failed', reason: 'read-failed', detail: /EIO/ }])
})

t.test('progress is told at a bounded rate', async (t) => {
  const { session, clock, log } = harness({}, memory(100_000), 4000)
  for (let block = 1; block <= 500; block++) {
    await turns()
    session.receive(encodeAck(block))
    clock.advance(10)
  }
  t.equal(log[0], 'started')
  t.equal(log.length, 5, log.join(', '))
})

t.test('stopping twice ends once', async (t) => {
  const { session, channel, ends } = harness({}, memory(1000))
  await turns()
  channel.take()
  session.stop('shutting-down', 'bye')
  session.stop('replaced', 'bye')
  session.unreachable()
  session.receive(encodeAck(1))
  t.same(channel.take(), ['error'])
  t.same(ends, [{ kind: 'failed', reason: 'shutting-down', detail: '' }])
})
