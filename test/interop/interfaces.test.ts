// Network cards that come, change and go, as the kernel tells of them.
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { createLog } from '../../server/log.ts'
import { watchInterfaces } from '../../server/net/interface-watch.ts'
import { enterOwnNetwork, eventually, ip } from '../support/netns.ts'

t.test('a card without a link, without an address, without anything', { timeout: 60_000 }, async (t) => {
  await enterOwnNetwork()
  const log = createLog({ level: 'silent', destination: process.stderr })
  const watch = await watchInterfaces({ clock: systemClock, log })
  t.teardown(() => watch.close())
  let told = 0
  watch.onChange(() => {
    told += 1
  })
  const card = () => watch.current.find(({ name }) => name === 'card')
  const until = (what: string, holds: () => boolean) => eventually(what, () => holds() || undefined)

  await ip('link add card type veth peer name cable')
  await until('a card that is off', () => card()?.up === false)
  const index = card()?.index
  await ip('address add 192.168.77.1/24 dev card')
  await until('a card that is off has an address', () => card()?.ipv4[0] === '192.168.77.1')
  await ip('link set card up')
  await until('a card without a link', () => card()?.up === true)
  t.same(card()?.ipv4, ['192.168.77.1'], 'which Node would not show')
  await ip('link set cable up')
  await until('an IPv6 address, once it is known to be nobody else’s', () => (card()?.ipv6.length ?? 0) > 0)
  await ip('address add 10.0.0.1/24 dev card')
  await ip('link set card mtu 1400')
  await until('a second address', () => card()?.ipv4.includes('10.0.0.1') === true && card()?.mtu === 1400)
  await ip('link delete card')
  await until('no card', () => card() === undefined)
  await ip('link add card type veth peer name cable')
  await until('another card of that name', () => card() !== undefined)
  t.not(card()?.index, index)
  t.ok(told >= 7)
})
