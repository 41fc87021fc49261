import t from 'tap'
import { type Card, FollowedCards } from '../../../server/net/followed-cards.ts'
import type { NetworkInterface } from '../../../server/net/interfaces.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { recordingLog } from '../../support/recording-log.ts'

const eth = (name: string, ipv4: readonly string[], more: Partial<NetworkInterface> = {}): NetworkInterface => ({
  name,
  index: 7,
  mtu: 1500,
  up: true,
  loopback: false,
  ipv4,
  ipv6: [],
  ...more
})

function following(names: readonly string[] = []) {
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  const steps: string[] = []
  const broken = new Set<string>()
  const cards = new FollowedCards({
    protocol: 'DHCP',
    names,
    clock,
    log,
    async open({ name, addresses }: Card) {
      if (broken.has(name)) throw new Error('port 67 is taken')
      steps.push(`open ${name} ${addresses.length}`)
      return { close: async () => void steps.push(`close ${name}`) }
    }
  })
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  const follow = async (...seen: NetworkInterface[]) => {
    cards.follow(seen)
    await settled()
    return steps.splice(0)
  }
  return { cards, clock, lines, steps, broken, follow, settled }
}

const lo = eth('lo', ['127.0.0.1'], { loopback: true })

t.test('D3: every card but the loopback, as it comes, changes and goes', async (t) => {
  const { cards, follow, steps, lines } = following()
  await cards.start([lo, eth('eth1', ['10.1.0.1']), eth('eth2', []), eth('eth3', ['10.3.0.1'], { up: false })])
  t.same(steps.splice(0), ['open eth1 1'])
  t.same(await follow(lo, eth('eth1', ['10.1.0.1'], { mtu: 1400 }), eth('eth2', ['10.2.0.1'])), ['open eth2 1'])
  t.same(await follow(lo, eth('eth1', ['10.1.0.9', '10.1.0.1']), eth('eth2', ['10.2.0.1'])), [
    'close eth1',
    'open eth1 2'
  ])
  t.same(
    await follow(eth('eth1', ['10.1.0.9', '10.1.0.1']), eth('eth2', ['10.2.0.1'], { index: 9 })),
    ['close eth2', 'open eth2 1'],
    'another card under its name'
  )
  t.same(await follow(eth('eth2', ['10.2.0.1'], { index: 9, up: false })), ['close eth1', 'close eth2'])
  t.same(cards.cards, [])
  t.same(
    lines.map(({ msg }) => msg),
    [
      'DHCP answers on eth2 now, from 10.2.0.1',
      'DHCP answers on eth1 now, from 10.1.0.9, 10.1.0.1',
      'DHCP answers on eth2 now, from 10.2.0.1',
      'DHCP has left eth1: there is no such interface (see: ip link)',
      'DHCP has left eth2: it is down'
    ]
  )
  await cards.close()
})

t.test('what is not there at the start is waited for, and said', async (t) => {
  const { cards, follow, lines } = following(['eth1', 'eth2', 'eth3'])
  await cards.start([lo, eth('eth1', []), eth('eth2', ['10.2.0.1'], { up: false })])
  t.same(await follow(lo, eth('eth1', ['10.1.0.1']), eth('eth9', ['10.9.0.1'])), ['open eth1 1'])
  t.same(
    cards.cards.map(({ name }) => name),
    ['eth1']
  )
  t.same(
    lines.map(({ level, msg }) => [level, msg]),
    [
      [40, 'DHCP waits for eth1: it has no IPv4 address'],
      [40, 'DHCP waits for eth2: it is down'],
      [40, 'DHCP waits for eth3: there is no such interface (see: ip link)'],
      [30, 'DHCP answers on eth1 now, from 10.1.0.1']
    ]
  )
  await cards.close()
  t.same(await follow(eth('eth1', ['10.1.0.1'])), ['close eth1'], 'and after the end nothing is opened')
})

t.test('no card at all', async (t) => {
  const { cards, lines } = following()
  await cards.start([lo])
  t.match(lines, [{ msg: /waits for a network interface/ }])
  await cards.close()
})

t.test('at the start a card that cannot be opened ends it; later it is tried again, and told once', async (t) => {
  const first = following()
  first.broken.add('eth1')
  await t.rejects(first.cards.start([eth('eth1', ['10.1.0.1'])]), { message: 'port 67 is taken' })

  const { cards, follow, clock, broken, steps, lines, settled } = following()
  await cards.start([eth('eth2', ['10.2.0.1'])])
  steps.length = 0
  broken.add('eth1')
  t.same(await follow(eth('eth1', ['10.1.0.1']), eth('eth2', ['10.2.0.1'])), [])
  for (let i = 0; i < 3; i += 1) {
    clock.advance(5000)
    await settled()
  }
  broken.clear()
  clock.advance(5000)
  await settled()
  t.same(steps, ['open eth1 1'])
  t.same(
    lines.map(({ msg }) => msg),
    ['DHCP cannot answer on eth1 yet: port 67 is taken', 'DHCP answers on eth1 now, from 10.1.0.1']
  )
  await cards.close()
})
