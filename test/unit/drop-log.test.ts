import { PassThrough } from 'node:stream'
import t from 'tap'
import { DropLog } from '../../server/drop-log.ts'
import { createLog } from '../../server/log.ts'
import { FakeClock } from '../fakes/clock.ts'

function world() {
  const clock = new FakeClock()
  const destination = new PassThrough()
  const drops = new DropLog({ protocol: 'TFTP', log: createLog({ level: 'info', destination }), clock })
  const entries = (): { msg: string; drops: object }[] =>
    String(destination.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  const lines = () => entries().map(({ msg }) => msg)
  return { clock, drops, entries, lines }
}

t.test('however many drops there are, they are one line, with counts by reason', async (t) => {
  const { clock, drops, entries } = world()
  for (let i = 0; i < 50_000; i++) drops.count(i % 5 === 0 ? 'malformed' : 'too-fast', `10.0.${i >> 8}.${i & 255}`)
  clock.advance(9_999)
  t.same(entries(), [])
  clock.advance(1)
  t.match(entries(), [
    {
      msg: 'TFTP: dropped in 10 s: 40000 too-fast, 10000 malformed',
      drops: { 'too-fast': 40_000, malformed: 10_000 },
      seconds: 10
    }
  ])
})

t.test('the one who sends most is named, also among more sources than are followed', async (t) => {
  const { clock, drops, entries } = world()
  for (let i = 0; i < 10_000; i++) drops.count('too-fast', i % 2 === 0 ? '192.0.2.9' : `10.0.${i >> 8}.${i & 255}`)
  clock.advance(10_000)
  t.match(entries(), [{ busiestSource: '192.0.2.9', msg: /most of them from 192\.0\.2\.9$/ }])
})

t.test('while it goes on, lines become rare; after a quiet period the next is early again', async (t) => {
  const { clock, drops, lines } = world()
  const hour = 60 * 60
  for (let second = 0; second < 2 * hour; second++) {
    drops.count('malformed', '192.0.2.9')
    clock.advance(1000)
  }
  const told = lines()
  t.ok(told.length < 20, `${told.length} lines in two hours`)
  const counted = told.map((line) => Number(/(\d+) malformed/.exec(line)?.[1])).reduce((sum, count) => sum + count, 0)
  t.ok(counted > 2 * hour - 601, 'and nothing is left out of them')
  clock.advance(2 * 600_000)
  lines()
  drops.count('malformed', '192.0.2.9')
  clock.advance(10_000)
  t.equal(lines().length, 1)
})

t.test('the first of a reason in each period may be told in detail', async (t) => {
  const { clock, drops } = world()
  t.same(
    [1, 2, 3].map(() => drops.count('internal', '192.0.2.9')),
    [true, false, false]
  )
  t.ok(drops.count('malformed', '192.0.2.9'))
  clock.advance(10_000)
  t.ok(drops.count('internal', '192.0.2.9'))
})

t.test('closing tells the rest, and nothing when there is none', async (t) => {
  const { clock, drops, lines } = world()
  drops.close()
  t.same(lines(), [])
  drops.count('malformed', '192.0.2.9')
  clock.advance(2000)
  drops.close()
  t.same(lines(), ['TFTP: dropped in 2 s: 1 malformed, most of them from 192.0.2.9'])
  clock.advance(3_600_000)
  t.same(lines(), [])
})
