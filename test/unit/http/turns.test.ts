import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type Share, Turns } from '../../../server/http/turns.ts'

const MB = 1024 * 1024

/** Each stands in the line again and again, and takes so many bytes each time. Answers with whose turn it was. */
async function take(turns: Turns, count: number, shares: readonly Share[], bytes = MB): Promise<readonly number[]> {
  const taken: number[] = []
  const stand = (share: Share, who: number) =>
    turns.add(share, () => {
      if (taken.push(who) > count) return
      share.bytes += bytes
      stand(share, who)
    })
  shares.forEach(stand)
  while (taken.length < count + shares.length) await setImmediate()
  return taken.slice(0, count)
}

t.test('everybody has one turn before anybody has two', async (t) => {
  const turns = new Turns()
  const shares = Array.from({ length: 20 }, () => turns.newShare())
  const everybody = Array.from({ length: 20 }, (_, who) => who)
  t.same(await take(turns, 60, shares), [...everybody, ...everybody, ...everybody])
})

t.test('who has had least goes first, and who is new begins where the others are', async (t) => {
  const turns = new Turns()
  const shares = [{ bytes: 3 * MB }, { bytes: 0 }, { bytes: 2 * MB }]
  t.same(await take(turns, 9, shares), [1, 1, 2, 1, 0, 2, 1, 0, 2])
  t.equal(turns.newShare().bytes, 5 * MB)
})

t.test('who was away for long makes up for 32 MB', async (t) => {
  const turns = new Turns()
  const former = { bytes: 1000 * MB }
  await take(turns, 1, [former])
  const late = { bytes: 0 }
  const taken = await take(turns, 50, [former, late])
  t.equal(taken.indexOf(0), 32, 'in turns of 1 MB')
})

t.test('others have their turn in between', async (t) => {
  const turns = new Turns()
  let taken = 0
  for (let i = 0; i < 100; i++) turns.add(turns.newShare(), () => taken++)
  t.equal(taken, 0, 'none of them at once')
  await setImmediate()
  t.ok(taken > 0 && taken < 100, `${taken} of 100 when the event loop was round`)
  while (taken < 100) await setImmediate()
})
