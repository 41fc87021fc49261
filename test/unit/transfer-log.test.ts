import t from 'tap'
import type { TransferReport } from '../../server/boot/model.ts'
import { TransferLog } from '../../server/transfer-log.ts'
import { FakeClock } from '../fakes/clock.ts'
import { addr } from '../support/dhcp-packets.ts'
import { readableLog } from '../support/log-lines.ts'

const PC7 = addr('10.0.0.7')

function world() {
  const clock = new FakeClock()
  const { log, lines } = readableLog()
  const transfers = new TransferLog({
    log,
    clock,
    whoHas: (address) =>
      address === PC7 ? { mac: '52:54:00:12:34:56', host: 'pc-07' } : { mac: undefined, host: undefined }
  })
  return { clock, transfers, lines }
}

function report(facts: Partial<TransferReport> = {}): TransferReport {
  return {
    ...{ name: 'shimx64.efi', via: 'tftp', client: PC7, outcome: 'ok', reason: undefined },
    ...{ doneBytes: 3_000_000, totalBytes: 3_000_000, sentBytes: 3_000_000, durationMs: 1500.4321, retransmissions: 2 },
    ...facts
  }
}

t.test('one line when it is over', async (t) => {
  const { transfers, lines } = world()
  for (const outcome of ['started', 'progress', 'ok'] as const) transfers.transfer(report({ outcome }))
  const [line, ...more] = lines()
  t.same(more, [])
  t.match(line, {
    level: 30,
    host: 'pc-07',
    mac: '52:54:00:12:34:56',
    address: '10.0.0.7',
    file: 'shimx64.efi',
    bytes: 3_000_000,
    seconds: 1.5,
    mbPerSecond: 2,
    retransmissions: 2,
    msg: 'TFTP: transfer done'
  })
})

t.test('by HTTP the same, for what was sent this time', async (t) => {
  const { transfers, lines } = world()
  transfers.transfer(report({ via: 'http', sentBytes: 1_000_000, durationMs: 0, retransmissions: undefined }))
  const [line] = lines()
  t.match(line, { host: 'pc-07', bytes: 1_000_000, seconds: 0, mbPerSecond: 1000, msg: 'HTTP: transfer done' })
  t.notOk(line && 'retransmissions' in line)
})

t.test('a stranger is an address', async (t) => {
  const { transfers, lines } = world()
  transfers.transfer(report({ client: addr('10.0.0.8') }))
  transfers.transfer(report({ client: undefined }))
  const [stranger, nobody] = lines()
  t.equal(stranger?.address, '10.0.0.8')
  t.notOk(stranger && 'host' in stranger)
  t.notOk(nobody && 'address' in nobody)
})

t.test('what failed says why; a request with a borrowed address is no line', async (t) => {
  const { transfers, lines } = world()
  const reason = 'the client stopped answering'
  transfers.transfer(report({ outcome: 'failed', reason, sentBytes: 9 }))
  transfers.transfer(report({ outcome: 'failed', reason, sentBytes: 0, unanswered: true }))
  const [line, ...more] = lines()
  t.match(line, { level: 40, bytes: 9, reason, msg: 'TFTP: transfer failed' })
  t.same(more, [])
})

t.test('failures by the thousand fill no disk, and hide nothing that goes well', async (t) => {
  const { transfers, lines } = world()
  for (let i = 0; i < 1000; i++) transfers.transfer(report({ outcome: 'failed' }))
  transfers.transfer(report())
  const said = lines()
  t.equal(said.length, 302)
  t.match(said.at(-2)?.msg, /too many transfers/)
  t.equal(said.at(-1)?.msg, 'TFTP: transfer done')
})
