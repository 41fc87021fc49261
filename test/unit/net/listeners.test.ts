import { pino } from 'pino'
import t from 'tap'
import type { NetworkInterface } from '../../../server/net/interfaces.ts'
import { type ListenersOptions, type Listening, openListeners } from '../../../server/net/listeners.ts'

const log = pino({ level: 'silent' })

function eth0(ipv4: readonly string[], own: Partial<NetworkInterface> = {}): readonly NetworkInterface[] {
  return [{ name: 'eth0', index: 2, mtu: 1500, up: true, loopback: false, ipv4, ipv6: [], ...own }]
}

/** Listeners that only take note, on cards that change when told. */
function world(cards: readonly NetworkInterface[], refuses: (address: string) => boolean = () => false) {
  const notes: string[] = []
  const watchers = new Set<(now: readonly NetworkInterface[]) => void>()
  const interfaces = {
    current: cards,
    onChange(watcher: (now: readonly NetworkInterface[]) => void) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    }
  }
  const open: ListenersOptions<Listening>['open'] = async ({ address }, port) => {
    if (refuses(address)) throw Object.assign(new Error(address), { code: 'EADDRINUSE' })
    notes.push(`+${address}:${port}`)
    return { port: port || 4069, close: async () => void notes.push(`-${address}`) }
  }
  return {
    watchers,
    listen: (addresses: readonly string[], port = 69) => openListeners({ addresses, port, interfaces, open, log }),
    async change(now: readonly NetworkInterface[]) {
      interfaces.current = now
      for (const watcher of watchers) watcher(now)
      await new Promise((resolve) => setImmediate(resolve))
    },
    take: () => notes.splice(0)
  }
}

t.test('all on the port that the first one got', async (t) => {
  const { listen, take } = world(eth0(['10.0.0.1', '10.0.0.2']))
  const listeners = await listen(['0.0.0.0'], 0)
  t.same(take(), ['+10.0.0.1:0', '+10.0.0.2:4069'])
  t.equal(listeners.port, 4069)
  await listeners.close()
  t.same(take(), ['-10.0.0.1', '-10.0.0.2'])
})

t.test('one that can not be had ends the others', async (t) => {
  const { listen, take } = world(eth0(['10.0.0.1', '10.0.0.2']), (address) => address === '10.0.0.2')
  await t.rejects(listen(['0.0.0.0']), { code: 'EADDRINUSE' })
  t.same(take(), ['+10.0.0.1:69', '-10.0.0.1'])
})

t.test('a wildcard follows addresses as they come and go; a refusal keeps nobody from the rest', async (t) => {
  const { listen, take, change, watchers } = world(eth0(['10.0.0.1']), (address) => address === '10.0.0.3')
  const listeners = await listen(['0.0.0.0'])
  take()
  await change(eth0(['10.0.0.3', '10.0.0.2']))
  t.same(take(), ['-10.0.0.1', '+10.0.0.2:69'])
  await change(eth0([]))
  await change(eth0(['10.0.0.1']))
  t.same(take(), ['-10.0.0.2', '+10.0.0.1:69'])
  await change(eth0(['10.0.0.1'], { index: 3 }))
  t.same(take(), ['-10.0.0.1', '+10.0.0.1:69'], 'another card of the same name')
  await listeners.close()
  t.equal(watchers.size, 0)
})

t.test('a literal address stays, whatever the cards do', async (t) => {
  const { listen, take, watchers } = world(eth0([]))
  const listeners = await listen(['192.0.2.1'])
  t.equal(watchers.size, 0)
  t.same(take(), ['+192.0.2.1:69'])
  t.equal(listeners.all.length, 1)
  await listeners.close()
})
