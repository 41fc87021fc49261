// Two cards in one daemon, a room behind each: whoever boots there hears of that room alone, and of nothing that befalls the other.
import './support/bare.ts'
import t from 'tap'
import { type DhcpPacket, decodeDhcp } from '../../server/dhcp/packet.ts'
import { MESSAGE_TYPE, OPTION } from '../../server/dhcp/registry.ts'
import { CARD } from '../../server/lab/network.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { eventually, ip } from '../support/netns.ts'
import type { CapturedDatagram } from '../support/pcap.ts'
import { Capture } from './support/capture.ts'
import { addCard } from './support/second-card.ts'
import { publishTiny, TINY } from './support/tiny.ts'
import { type Diskless, startWorld } from './support/world.ts'

const SECOND_CARD = 'lan2'
const subnet = (net: string) => ({
  subnet: `${net}.0/24`,
  pools: [{ from: `${net}.100`, to: `${net}.199` }],
  router: `${net}.254`
})

const world = await startWorld(t, {
  clients: 2,
  config: {
    dhcp: {
      mode: 'authoritative',
      interfaces: [CARD, SECOND_CARD],
      subnets: [subnet('10.77.0'), subnet('10.78.0')]
    }
  }
})
await publishTiny(world)
await addCard(SECOND_CARD, '10.78.0.1/24', 'client2')

const options = { firmware: 'bios', rom: 'ipxe', memoryMib: 256 } as const
const rooms = [
  { net: '10.77.0', machine: await world.host(t, 1, options, { image: TINY }), wire: await Capture.of(1) },
  { net: '10.78.0', machine: await world.host(t, 2, options, { image: TINY }), wire: await Capture.of(2) }
] as const
type Room = (typeof rooms)[number]
t.teardown(() => Promise.all(rooms.map(({ wire }) => wire.stop())))

interface Message {
  readonly from: string
  readonly type: number | undefined
  readonly packet: DhcpPacket
}

/** All DHCP that was heard at the plug of this room, whoever said it. */
function dhcpIn(heard: readonly CapturedDatagram[]): readonly Message[] {
  return heard
    .filter(({ source, destination }) => [67, 68].includes(source.port) && [67, 68].includes(destination.port))
    .map(({ source, payload }) => {
      const packet = decodeDhcp(payload)
      return { from: formatIpv4(source.address), type: packet.options.get(OPTION.messageType)?.[0], packet }
    })
}

function ofType(heard: readonly CapturedDatagram[], type: number): readonly Message[] {
  return dhcpIn(heard).filter((message) => message.type === type)
}

/** What this room was told, by the `acks`th ACK at the latest. */
async function replies({ wire }: Room, acks: number) {
  const heard = await wire.until(`${acks} ACKs`, (all) => ofType(all, MESSAGE_TYPE.ack).length >= acks)
  return [...ofType(heard, MESSAGE_TYPE.offer), ...ofType(heard, MESSAGE_TYPE.ack)].map(({ from, packet }) => ({
    from,
    address: formatIpv4(packet.yiaddr),
    nextServer: formatIpv4(packet.siaddr),
    serverId: quads(packet.options.get(OPTION.serverId)),
    router: quads(packet.options.get(OPTION.router)),
    bootfile: Buffer.from(packet.options.get(OPTION.bootfile) ?? '').toString()
  }))
}

function quads(bytes: Uint8Array = new Uint8Array()): string {
  return bytes.join('.')
}

/** The servers that this machine went to for its script, kernel and initrd, as it says on its screen. */
function serversOf({ machine }: Diskless): readonly string[] {
  const urls = machine.console.text.matchAll(/^http:\/\/([\d.]+)\//gm)
  return [...new Set([...urls].map(([, server]) => server ?? ''))]
}

/** Waits for the last file of a boot script. The boot before is told to have failed meanwhile: nothing came after its files. */
function fetched(machine: Diskless): Promise<unknown> {
  const isIt = ({ step, outcome }: Diskless['events'][number]) => step === 'initrd' && outcome === 'ok'
  return eventually('the initrd', () => machine.events.find(isIt), world.wait.bootMs)
}

t.test('two machines at once, each of them with the addresses of its own room', async (t) => {
  await Promise.all(rooms.map(({ machine }) => machine.powerOn()))
  await Promise.all(rooms.map(({ machine }) => fetched(machine)))
  for (const room of rooms) {
    const { net, machine } = room
    const server = `${net}.1`
    for (const { address, ...rest } of await replies(room, 1)) {
      t.ok(address.startsWith(`${net}.1`), `${address} is of ${net}.0/24`)
      const bootfile = `http://${server}/boot.ipxe\0`
      t.same(rest, { from: server, nextServer: server, serverId: server, router: `${net}.254`, bootfile })
    }
    t.same(serversOf(machine), [server])
  }
})

t.test('a card goes away and comes back: the other room boots on, and this one when it is back', async (t) => {
  const [first, second] = rooms
  const [before] = await replies(second, 1)
  await Promise.all(rooms.map(({ machine }) => machine.machine.powerOff()))
  await ip(`link set ${SECOND_CARD} down`)
  const heard = await second.wire.until('the first boot', (all) => all.length > 0)
  const asked = ofType(heard, MESSAGE_TYPE.discover).length
  await first.machine.powerOn()
  await fetched(first.machine)
  await second.machine.powerOn()
  const asking = await second.wire.until(
    'it asks and hears nothing',
    (all) => ofType(all, MESSAGE_TYPE.discover).length > asked
  )
  t.equal(ofType(asking, MESSAGE_TYPE.offer).length, ofType(heard, MESSAGE_TYPE.offer).length, 'nobody answers')

  await ip(`link set ${SECOND_CARD} up`)
  t.equal((await replies(second, 2)).at(-1)?.address, before?.address, 'its old address, as soon as there is somebody')
  await second.machine.powerCycle()
  await fetched(second.machine)
  t.same(serversOf(second.machine), ['10.78.0.1'])
})
