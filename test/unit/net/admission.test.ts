import t from 'tap'
import { Admission } from '../../../server/net/admission.ts'

const LIMITS = { strangersPerSecond: 30, strangersPerSecondPerLink: 10, packetsPerSecondPerMachine: 2 }
const mac = (i: number) =>
  `52:54:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`

function flood(admission: Admission, count: number, { way = 'eth1', now = 0 } = {}) {
  const told: Record<string, number> = {}
  for (let i = 0; i < count; i += 1) {
    const answer = admission.refuse({ identity: mac(i), way, isKnown: false }, now) ?? 'heard'
    told[answer] = (told[answer] ?? 0) + 1
  }
  return told
}

t.test('D9: strangers on one link come in a burst of ten seconds’ worth, then at their rate', async (t) => {
  const admission = new Admission(LIMITS)
  t.same(flood(admission, 1000), { heard: 100, 'strangers-of-link': 900 })
  t.same(flood(admission, 1000, { now: 1000 }), { heard: 10, 'strangers-of-link': 990 })
})

t.test('D9: each card, each relay agent and each circuit has a share, up to that of all together', async (t) => {
  const admission = new Admission(LIMITS)
  t.same(flood(admission, 200), { heard: 100, 'strangers-of-link': 100 })
  t.same(flood(admission, 200, { way: 'eth2' }), { heard: 100, 'strangers-of-link': 100 })
  t.same(flood(admission, 50, { way: 'a circuit' }), { heard: 50 })
  t.same(flood(admission, 200, { way: 'another' }), { heard: 50, strangers: 50, 'strangers-of-link': 100 })
})

t.test('D9: known machines are heard whatever strangers do, but none of them beyond its own rate', async (t) => {
  const admission = new Admission(LIMITS)
  flood(admission, 5000)
  const known = { identity: 'a known host', way: 'eth1', isKnown: true }
  t.equal(admission.refuse(known, 0), undefined)
  const one = Array.from({ length: 20 }, () => admission.refuse(known, 0))
  t.same(one.filter((refusal) => refusal === undefined).length, 3)
  t.equal(one.at(-1), 'packets-of-machine')
  t.equal(admission.refuse(known, 500), undefined, 'half a second later')
})
