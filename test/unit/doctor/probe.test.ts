import t from 'tap'
import { decodeDhcp, encodeDhcp } from '../../../server/dhcp/packet.ts'
import { OPTION } from '../../../server/dhcp/registry.ts'
import { discover, judgeOffers, readOffer } from '../../../server/doctor/probe.ts'
import { addr, message, quad } from '../../support/dhcp-packets.ts'

const offer = (xid: number, yiaddr: string) =>
  encodeDhcp(message('offer', [[OPTION.serverId, quad('10.0.0.1')]], { op: 'reply', xid, yiaddr: addr(yiaddr) }))

t.test('asks as a client does, and wants the answer as a broadcast', async (t) => {
  t.match(decodeDhcp(discover('02:00:00:00:00:01', 7)), {
    op: 'request',
    xid: 7,
    flags: 0x8000,
    chaddr: '02:00:00:00:00:01'
  })
})

t.test('hears offers to itself, and nothing else', async (t) => {
  t.strictSame(readOffer(offer(7, '10.0.0.20'), 7), { server: '10.0.0.1', withAddress: true })
  t.strictSame(readOffer(offer(7, '0.0.0.0'), 7), { server: '10.0.0.1', withAddress: false })
  t.equal(readOffer(offer(8, '10.0.0.20'), 7), undefined)
  t.equal(readOffer(encodeDhcp(message('ack', [], { op: 'reply', xid: 7 })), 7), undefined)
  t.equal(readOffer(Buffer.from('noise'), 7), undefined)
})

t.test('what it means depends on the mode', async (t) => {
  const one = [{ server: '10.0.0.1', withAddress: true }]
  t.match(judgeOffers('x', 'authoritative', one), { ok: false, mend: /dhcp\.mode: proxy/ })
  t.match(judgeOffers('x', 'authoritative', []), { ok: true, detail: 'none answers' })
  t.match(judgeOffers('x', 'proxy', one), { ok: true, detail: 'answers: 10.0.0.1' })
  t.match(judgeOffers('x', 'proxy', []), { ok: false, mend: /authoritative/ })
  t.match(judgeOffers('x', 'proxy', [{ server: '10.0.0.2', withAddress: false }]), { ok: false })
})
