import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { createLog } from '../../../server/log.ts'
import { type InterfaceSource, watchInterfaces } from '../../../server/net/interface-watch.ts'
import { linkedInterfaces, type NetworkInterface } from '../../../server/net/interfaces.ts'
import { FakeClock } from '../../fakes/clock.ts'

const log = createLog({ level: 'silent', destination: process.stderr })

const eth = (ipv4: readonly string[]): NetworkInterface => ({
  name: 'eth1',
  index: 7,
  mtu: 1500,
  up: true,
  loopback: false,
  ipv4,
  ipv6: []
})

class FakeSource implements InterfaceSource {
  readonly everyMs = 500
  now: readonly NetworkInterface[] = [eth([])]
  changed = false
  broken = false
  reads = 0
  closed = false
  mayHaveChanged = () => this.changed
  read() {
    this.reads += 1
    if (this.broken) throw new Error('out of buffers')
    return this.now
  }
  close() {
    this.closed = true
  }
}

t.test('tells of changes, once each', async (t) => {
  const clock = new FakeClock()
  const source = new FakeSource()
  const watch = await watchInterfaces({ clock, log, source })
  const told: (readonly NetworkInterface[])[] = []
  const stop = watch.onChange((now) => told.push(now))
  clock.advance(5000)
  t.same([told, source.reads], [[], 1], 'nothing is read while nothing happens')

  source.changed = true
  clock.advance(500)
  t.same(told, [], 'what only looks like a change is none')
  source.now = [eth(['192.168.77.1'])]
  clock.advance(500)
  t.same(told, [[eth(['192.168.77.1'])]])
  t.same(watch.current, [eth(['192.168.77.1'])])

  stop()
  source.now = []
  clock.advance(500)
  t.same([told.length, watch.current], [1, []])
  watch.close()
  clock.advance(5000)
  t.ok(source.closed)
})

t.test('what could not be read is read again, even when nothing more happens', async (t) => {
  const clock = new FakeClock()
  const source = new FakeSource()
  const watch = await watchInterfaces({ clock, log, source })
  source.broken = true
  source.changed = true
  source.now = []
  clock.advance(500)
  t.same(watch.current, [eth([])])
  source.broken = false
  source.changed = false
  clock.advance(500)
  t.same(watch.current, [])
  watch.close()
})

t.test('the kernel and Node agree on the cards of this machine that have a link', async (t) => {
  const watch = await watchInterfaces({ clock: systemClock, log })
  const loopback = watch.current.find(({ name }) => name === 'lo')
  t.match(loopback, { index: 1, up: true, loopback: true })
  for (const { mtu, ...card } of linkedInterfaces()) {
    t.match(
      watch.current.find(({ name }) => name === card.name),
      { index: card.index, up: true, ipv4: card.ipv4 }
    )
    t.ok(mtu > 0)
  }
  watch.close()
})
