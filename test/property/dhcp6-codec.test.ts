// The laws of the DHCPv6 codec: what is written is read, and whatever comes from the network is a message or malformed.
import fc from 'fast-check'
import t from 'tap'
import { factsOf } from '../../server/dhcp6/facts.ts'
import { decodeDhcp6, encodeMessage, encodeRelayReply, type Message6 } from '../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../server/dhcp6/registry.ts'
import { ipv6FromBytes } from '../../server/net/ipv6.ts'
import { MalformedPacket } from '../../server/wire/cursor.ts'
import {
  bytesOf,
  CLIENT_ID_OPTION,
  handlerOf,
  message,
  relayed,
  SOURCE,
  uefi,
  WISH
} from '../support/dhcp6-messages.ts'

const RELAYS: readonly number[] = [MESSAGE.relayForward, MESSAGE.relayReply]
const value = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))
const someOption = fc.record({ code: fc.oneof(fc.nat({ max: 80 }), fc.nat({ max: 65535 })), value })
const options = fc.array(someOption, { maxLength: 12 })
const anyMessage: fc.Arbitrary<Message6> = fc.record({
  type: fc.nat({ max: 255 }).filter((type) => !RELAYS.includes(type)),
  transactionId: fc.nat({ max: 0xffffff }),
  options
})
const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6FromBytes)
const relay = fc.record({
  hopCount: fc.nat({ max: 255 }),
  linkAddress: address,
  peerAddress: address,
  options: options.map((list) => list.filter(({ code }) => code !== OPTION.relayMessage))
})

t.test('what is written is read, through relay agents too', async (t) => {
  fc.assert(
    fc.property(anyMessage, fc.array(relay, { maxLength: 8 }), (written, relays) => {
      const read = decodeDhcp6(encodeRelayReply(relays, encodeMessage(written)))
      const echoed = relays.map((one) => ({
        ...one,
        options: one.options.filter(({ code }) => code === OPTION.interfaceId || code === OPTION.remoteId)
      }))
      return JSON.stringify(read) === JSON.stringify({ message: written, relays: echoed })
    })
  )
  t.pass()
})

/** Throws what is neither an answer nor a malformed packet. */
function survive(bytes: Uint8Array): void {
  try {
    const received = decodeDhcp6(bytes)
    factsOf(received, SOURCE)
    for (const mode of ['authoritative', 'stateless'] as const) {
      const { ask } = handlerOf({ mode }, 'tftp://[fd00:77::1]/x')
      const { reply } = ask(received)
      if (reply) decodeDhcp6(reply)
    }
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error
  }
}

t.test('any bytes are a message or malformed, and no more', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => survive(bytes)))
  t.pass()
})

t.test('and so are real messages with some bytes changed, cut off, or run into another', async (t) => {
  const solicit = bytesOf(message('solicit', [CLIENT_ID_OPTION, WISH, ...uefi('PXEClient')]))
  const real = fc.constantFrom(solicit, relayed(solicit, 'fd00:77::2', SOURCE, []))
  const damage = fc.record({
    whole: real,
    next: fc.oneof(fc.constant(Buffer.alloc(0)), real),
    changes: fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 6 }),
    length: fc.nat({ max: 500 })
  })
  fc.assert(
    fc.property(damage, ({ whole, next, changes, length }) => {
      const mutant = Buffer.concat([whole, next])
      for (const [at, byte] of changes) mutant[at % mutant.length] = byte
      survive(mutant)
      survive(mutant.subarray(0, length))
    }),
    { numRuns: 500 }
  )
  t.pass()
})
