import t from 'tap'
import { EventStream } from '../../../server/http/event-stream.ts'
import { FakeClock } from '../../fakes/clock.ts'

t.test('events, a sign of life, and a good end', async (t) => {
  const clock = new FakeClock()
  const stream = new EventStream({ clock, heartbeatMs: 1_000 })
  stream.tell('boot', { detail: 'two\nlines' })
  clock.advance(1_000)
  stream.finish()
  stream.tell('boot', { after: 'the end' })
  clock.advance(5_000)
  t.equal(
    (await stream.toArray()).join(''),
    ': listening\n\nevent: boot\ndata: {"detail":"two\\nlines"}\n\n: still here\n\n'
  )
})

t.test('a listener that does not keep up is dropped', async (t) => {
  const stream = new EventStream({ clock: new FakeClock(), maxBehindBytes: 1_000 })
  for (let n = 0; n < 100; n++) stream.tell('boot', { n })
  t.equal(stream.destroyed, true)
  t.ok(stream.readableLength < 2_000)
})

t.test('one that is gone costs nothing more', async (t) => {
  const clock = new FakeClock()
  const stream = new EventStream({ clock, heartbeatMs: 1_000 })
  stream.destroy()
  stream.tell('boot', {})
  stream.finish()
  clock.advance(10_000)
  t.equal(stream.destroyed, true)
})
