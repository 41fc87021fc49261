import t from 'tap'
import {
  advance,
  begin,
  hasAnswered,
  type Input,
  type Step,
  type Transfer,
  type TransferTerms,
  timeoutMs
} from '../../../server/tftp/transfer.ts'

const base: TransferTerms = {
  blocks: 100,
  windowsize: 1,
  oack: false,
  initialTimeoutMs: 1000,
  minTimeoutMs: 20,
  maxTimeoutMs: 10_000,
  giveUpAfterMs: 15_000,
  minTries: 5
}
const start = (terms: Partial<TransferTerms> = {}) => begin({ ...base, ...terms }, 0)
const stateOf = (step: Step): Transfer => {
  if (step.kind === 'failed') throw new Error(step.reason)
  return step.next
}
const ack = (step: Step, block: number, at: number) => advance(stateOf(step), { kind: 'ack', block, at })
const blocksOf = (step: Step) => (step.kind === 'send' ? [step.from, step.to] : step.kind)
/** Plays a whole conversation and answers with what each input caused. */
const play = (first: Step, inputs: readonly Input[]) => {
  const seen: unknown[] = [blocksOf(first)]
  let step = first
  for (const input of inputs) {
    step = advance(stateOf(step), input)
    seen.push(blocksOf(step))
  }
  return seen
}

t.test('without options DATA 1 comes first, then block by block', async (t) => {
  const acks = [1, 2, 3].map((block) => ({ kind: 'ack', block, at: block }) as const)
  t.same(play(start({ blocks: 3 }), acks), [[1, 1], [2, 2], [3, 3], 'done'])
})

t.test('with options the OACK is block 0 and waits for ACK 0', async (t) => {
  t.same(
    play(start({ oack: true, windowsize: 4, blocks: 6 }), [
      { kind: 'ack', block: 0, at: 1 },
      { kind: 'ack', block: 4, at: 2 },
      { kind: 'ack', block: 6, at: 3 }
    ]),
    [[0, 0], [1, 4], [5, 6], 'done']
  )
})

t.test('T3: a repeated, stale or future ACK causes no send', async (t) => {
  const step = ack(ack(start({ windowsize: 4, oack: true }), 0, 1), 4, 2)
  t.same(blocksOf(step), [5, 8])
  for (const block of [4, 3, 0, 65535, 9, 1000]) t.equal(ack(step, block, 3).kind, 'wait', `ACK ${block}`)
})

t.test('T11: an ACK in mid-window restarts the window there, once', async (t) => {
  const step = ack(ack(start({ windowsize: 8, oack: true }), 0, 1), 3, 2)
  t.same(blocksOf(step), [4, 11])
  t.equal(ack(step, 3, 3).kind, 'wait', 'EDK2 repeats it for each block out of order')
  t.same(blocksOf(ack(step, 7, 4)), [8, 15], 'and once more for the next loss')
})

t.test('T11: a client that had it all when the window was begun again gets only what is new', async (t) => {
  const step = ack(ack(start({ windowsize: 8, oack: true }), 0, 1), 3, 2) // block 3 came twice: 1…8 are there
  t.same(blocksOf(step), [4, 11])
  const next = ack(step, 8, 4)
  t.same(blocksOf(next), [12, 16], 'which it has not got yet')
  t.same(blocksOf(ack(next, 16, 5)), [17, 24])
})

t.test('T11: an ACK too soon to speak of the new window speaks of the old one', async (t) => {
  let step = ack(start({ windowsize: 8, oack: true }), 0, 10) // 10 ms to the client and back
  step = ack(step, 3, 20)
  t.same(blocksOf(step), [4, 11])
  step = ack(step, 5, 21)
  t.same(blocksOf(step), [12, 13])
  t.same(blocksOf(ack(step, 7, 31)), [8, 15], 'a loss in the new one is news')
})

t.test(
  'T3: where packets come twice, an ACK in mid-window is doubted, and a window begun again once for all',
  async (t) => {
    let step = ack(start({ windowsize: 8, oack: true }), 0, 10)
    step = ack(step, 1, 20)
    t.same(blocksOf(step), [2, 9], 'block 2 may be lost')
    step = ack(step, 2, 20)
    t.same(blocksOf(step), [10, 10], 'it was not: block 1 came twice, and so does block 2')
    for (let block = 3; block < 20; block++) {
      step = ack(step, block, 21)
      t.same(blocksOf(step), [block + 8, block + 8])
    }
    const waited = advance(stateOf(step), { kind: 'wake', at: 21 + 10 })
    t.equal(waited.kind, 'wait', 'the client has a round trip, and a little more')
    t.same(blocksOf(advance(stateOf(waited), { kind: 'wake', at: 21 + 20 })), [20, 27], 'it was a loss after all')
  }
)

t.test('T4: silence is answered by the timer, ever more slowly, at least five times and for 15 s', async (t) => {
  const sends: number[] = []
  let step = start()
  for (let at = 0; at < 60_000 && step.kind !== 'failed'; at += 100) {
    step = advance(stateOf(step), { kind: 'wake', at })
    if (step.kind === 'send') sends.push(at)
  }
  t.same(sends, [1000, 3000, 7000, 15_000])
  t.same(step, { kind: 'failed', reason: 'timed-out' })
})

t.test("T4: the client's own timeout is the first one", async (t) => {
  t.equal(timeoutMs(stateOf(start({ initialTimeoutMs: 3000 }))), 3000)
})

t.test('T4: a measured round trip takes the place of the first timeout, down to the floor', async (t) => {
  let step = start()
  for (let block = 1; block < 40; block++) step = ack(step, block, block * 0.5)
  t.equal(timeoutMs(stateOf(step)), 20.5)
  let slow = start()
  for (let block = 1; block < 60; block++) slow = ack(slow, block, block * 200)
  t.ok(timeoutMs(stateOf(slow)) >= 220 && timeoutMs(stateOf(slow)) < 300, `${timeoutMs(stateOf(slow))} ms`)
})

t.test('T23: the floor can be a second', async (t) => {
  let step = start({ minTimeoutMs: 1000 })
  for (let block = 1; block < 40; block++) step = ack(step, block, block)
  t.equal(timeoutMs(stateOf(step)), 1001)
})

t.test(
  'after some quick tries it is quiet for long enough that a client which waits for silence speaks up',
  async (t) => {
    const sends: number[] = []
    let step = ack(start({ oack: true }), 0, 1)
    for (let at = 1; at < 60_000 && step.kind !== 'failed'; at++) {
      step = advance(stateOf(step), { kind: 'wake', at })
      if (step.kind !== 'wait') sends.push(at) // the last is the end of its patience
    }
    const gaps = sends.map((at, i) => at - (sends[i - 1] ?? 0))
    t.ok(
      gaps.some((gap) => gap > 5500),
      gaps.join()
    )
    t.ok(sends.filter((at) => at < 2000).length >= 4, 'and loses no time before')
  }
)

t.test('many losses in a window add no more than three doublings', async (t) => {
  let step = ack(start({ blocks: 5000, windowsize: 64, oack: true }), 0, 1)
  for (let i = 1; i <= 20; i++) {
    step = advance(stateOf(step), { kind: 'wake', at: i * 10_000 })
    step = ack(step, i, i * 10_000 + 1)
  }
  t.ok(timeoutMs(stateOf(step)) < 1000, `${timeoutMs(stateOf(step))} ms`)
})

t.test('Karn: the ACK of a block that was sent twice measures nothing and keeps the back-off', async (t) => {
  const fast = ack(start(), 1, 1)
  const before = timeoutMs(stateOf(fast))
  const again = advance(stateOf(fast), { kind: 'wake', at: 500 })
  t.same(blocksOf(again), [2, 2])
  const next = ack(again, 2, 900)
  t.equal(timeoutMs(stateOf(next)), before * 2, 'until a block beyond is acknowledged')
  t.ok(timeoutMs(stateOf(ack(next, 3, 901))) <= before)
})

t.test('T12: the numbers roll over to 0 and the transfer goes on, three times', async (t) => {
  const blocks = 200_000
  let step = start({ blocks, windowsize: 7, oack: true })
  let at = 0
  while (step.kind === 'send') step = ack(step, step.to % 65536, at++)
  t.match(step, { kind: 'done', confirmed: true, next: { acked: blocks } })
})

t.test('T13: the final ACK may be missing', async (t) => {
  let step = ack(ack(start({ blocks: 3 }), 1, 1), 2, 2)
  t.same(blocksOf(step), [3, 3])
  const gone = advance(stateOf(step), { kind: 'unreachable' })
  t.match(gone, { kind: 'done', confirmed: false })
  for (let at = 0; step.kind === 'send' || step.kind === 'wait'; at += 50) {
    step = advance(step.next, { kind: 'wake', at })
  }
  t.match(step, { kind: 'done', confirmed: false })
})

t.test('T13: who asks for another file from the same port, with all blocks under way, has this one', async (t) => {
  const last = ack(ack(start({ blocks: 3 }), 1, 1), 2, 2)
  t.match(advance(stateOf(last), { kind: 'replaced' }), { kind: 'done', confirmed: false })
  const amid = ack(start({ blocks: 3 }), 1, 1)
  t.same(advance(stateOf(amid), { kind: 'replaced' }), { kind: 'failed', reason: 'replaced' })
})

t.test('T3: a first ACK got lost, and the client’s own timer sent the next: that measures nothing', async (t) => {
  const late = ack(start({ oack: true }), 0, 1000)
  t.equal(timeoutMs(stateOf(late)), 1000, 'as before any measure')
  t.equal(timeoutMs(stateOf(ack(late, 1, 1001))), 1 + 4 * 20, 'the next ACK tells')
  const slow = ack(start({ oack: true }), 0, 500)
  t.equal(timeoutMs(stateOf(slow)), 500 + 4 * 250, 'a long way is measured')
})

t.test('a client that was never heard of again has not got the file, though it may be one block long', async (t) => {
  t.same(advance(stateOf(start({ blocks: 1 })), { kind: 'unreachable' }), { kind: 'failed', reason: 'client-gone' })
})

t.test('a client that goes in mid-transfer', async (t) => {
  const step = ack(start(), 1, 1)
  t.same(advance(stateOf(step), { kind: 'unreachable' }), { kind: 'failed', reason: 'client-gone' })
  t.same(advance(stateOf(step), { kind: 'error' }), { kind: 'failed', reason: 'refused-by-client' })
})

t.test('T16: a repeated request sends the first packet again, until the client has answered', async (t) => {
  const first = start({ oack: true })
  t.same(blocksOf(advance(stateOf(first), { kind: 'request', at: 100 })), [0, 0])
  const later = ack(first, 0, 1)
  t.equal(hasAnswered(stateOf(later)), true)
  t.equal(advance(stateOf(later), { kind: 'request', at: 100 }).kind, 'wait')
})

t.test('bytes that had to be read first start the clock when they leave', async (t) => {
  const step = advance(stateOf(start()), { kind: 'sent', at: 700 })
  t.match(step, { kind: 'wait', next: { sentAt: 700, wakeAt: 1700 } })
})

/** Answers each window in full, `lagMs` after its last block left. */
function stroll(first: Step, windows: number, lagMs: number): Step {
  let step = first
  for (let i = 0; i < windows; i++) {
    while (stateOf(step).nextBlock <= stateOf(step).acked + 16) {
      step = advance(stateOf(step), { kind: 'wake', at: stateOf(step).wakeAt })
    }
    step = ack(step, stateOf(step).sentTo, stateOf(step).sentAt + lagMs)
  }
  return step
}
const wide = { windowsize: 16, oack: true, blocks: 5000 }
const idle = () => stroll(ack(start(wide), 0, 1), 20, 1)
const queueing = () => stroll(ack(start(wide), 0, 1), 20, 20)

t.test('a window leaves at once where nothing was lost, however long packets wait', async (t) => {
  t.equal(stateOf(queueing()).spreadMs, 0)
})

t.test('after a loss on an idle way it still does', async (t) => {
  const step = idle()
  const { acked, sentAt } = stateOf(step)
  const next = ack(step, acked + 5, sentAt + 1)
  t.same(blocksOf(next), [acked + 6, acked + 21])
})

t.test('a loss where packets wait in a queue spreads the windows from then on, until nothing waits', async (t) => {
  const before = queueing()
  const { acked, sentAt } = stateOf(before)
  let step = ack(before, acked + 5, sentAt + 20)
  t.same(blocksOf(step), [acked + 6, acked + 6], 'a slice')
  t.ok(stateOf(step).spreadMs > 30 && stateOf(step).spreadMs < 45, `${stateOf(step).spreadMs} ms`)
  t.ok(stateOf(step).wakeAt - stateOf(step).sentAt < 5)
  step = stroll(step, 10, 20)
  t.ok(stateOf(step).spreadMs > 30, 'as long as they wait')
  step = stroll(step, 30, 1)
  t.equal(stateOf(step).spreadMs, 0)
})

t.test('silence in answer to spread windows spreads them more', async (t) => {
  const { acked, sentAt } = stateOf(queueing())
  let step = ack(queueing(), acked + 5, sentAt + 20)
  const seen: number[] = []
  for (let tries = 0; tries < 4; ) {
    step = advance(stateOf(step), { kind: 'wake', at: stateOf(step).wakeAt })
    if (stateOf(step).tries === tries) continue
    tries = stateOf(step).tries
    seen.push(stateOf(step).spreadMs)
  }
  for (let i = 1; i < seen.length; i++) t.equal(seen[i], Math.min(250, 2 * (seen[i - 1] ?? 0)))
})

t.test('an ACK in mid-window ends what was left of it', async (t) => {
  const { acked, sentAt } = stateOf(queueing())
  const step = ack(queueing(), acked + 5, sentAt + 20)
  const slice = advance(stateOf(step), { kind: 'wake', at: stateOf(step).wakeAt })
  const next = ack(slice, acked + 16, stateOf(slice).sentAt + 20)
  t.match(next, { kind: 'send', from: acked + 17 })
})

t.test('T23: in a spread window, too, no block leaves twice within the floor', async (t) => {
  let step = ack(start({ ...wide, minTimeoutMs: 1000 }), 0, 1)
  const { acked, sentAt } = stateOf(step)
  step = advance(stateOf(step), { kind: 'wake', at: sentAt + 999 })
  t.equal(step.kind, 'wait')
  step = advance(stateOf(step), { kind: 'wake', at: stateOf(step).wakeAt })
  t.match(step, { kind: 'send', from: acked + 1 })
})

t.test('waking early changes nothing', async (t) => {
  const step = start()
  t.same(advance(stateOf(step), { kind: 'wake', at: 999 }), { kind: 'wait', next: stateOf(step) })
})
