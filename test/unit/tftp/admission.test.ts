import t from 'tap'
import { Admission } from '../../../server/tftp/admission.ts'

const limits = { maxTransfers: 3, maxTransfersPerSource: 2, requestsPerSecond: 10, requestBurst: 5 }

t.test('T19: transfers are limited per source and in all', async (t) => {
  const admission = new Admission(limits)
  t.equal(admission.begin('a', 0), 'ok')
  t.equal(admission.begin('a', 0), 'ok')
  t.equal(admission.begin('a', 0), 'too-many-from-source')
  t.equal(admission.begin('b', 0), 'ok')
  t.equal(admission.isFull, true)
  t.equal(admission.begin('c', 0), 'too-many-transfers')
  admission.release('a')
  t.equal(admission.begin('c', 0), 'ok')
  t.equal(admission.transfers, 3)
})

t.test('T19: a source that asks too fast waits for its tokens', async (t) => {
  const admission = new Admission(limits)
  const answers = Array.from({ length: 7 }, () => admission.request('a', 1000))
  t.same(answers, [true, true, true, true, true, false, false])
  t.equal(admission.request('b', 1000), true)
  t.equal(admission.request('a', 1100), true, 'a tenth of a second is one token')
  t.equal(admission.request('a', 1100), false)
})

t.test('giving back what was never taken changes nothing', async (t) => {
  const admission = new Admission(limits)
  admission.release('a')
  t.equal(admission.begin('a', 0), 'ok')
  admission.release('a')
  admission.release('a')
  t.equal(admission.transfers, 0)
})

t.test('sources remembered are bounded, and those with a transfer stay', async (t) => {
  const admission = new Admission(limits)
  t.equal(admission.begin('busy', 0), 'ok')
  t.equal(admission.begin('busy', 0), 'ok')
  for (let i = 0; i < 20_000; i++) admission.request(`10.0.${i >> 8}.${i & 255}`, 0)
  t.equal(admission.begin('busy', 0), 'too-many-from-source')
})
