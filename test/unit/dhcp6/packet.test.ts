import t from 'tap'
import { decodeDhcp6, encodeMessage, encodeRelayReply, optionValue } from '../../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../../server/dhcp6/registry.ts'
import { bytesOf, CLIENT_ID_OPTION, message, option, relayed, SOURCE, WISH } from '../../support/dhcp6-messages.ts'

const SOLICIT = bytesOf(message('solicit', [CLIENT_ID_OPTION, WISH]))

t.test('a message is its type, 24 bits of transaction and its options in their order', async (t) => {
  const { message: read, relays } = decodeDhcp6(SOLICIT)
  t.match(read, { type: MESSAGE.solicit, transactionId: 0xabcdef })
  t.same(
    read.options.map(({ code }) => code),
    [OPTION.clientId, OPTION.iaNa]
  )
  t.same(relays, [])
  t.same(encodeMessage(read), SOLICIT)
  t.equal(optionValue(read.options, OPTION.dns), undefined)
})

t.test('what is cut off anywhere is malformed', async (t) => {
  for (let length = 0; length < SOLICIT.length; length += 1) {
    const cut = SOLICIT.subarray(0, length)
    // Between options a message may end.
    if ([4, 4 + 4 + CLIENT_ID_OPTION.value.length].includes(length)) t.doesNotThrow(() => decodeDhcp6(cut))
    else t.throws(() => decodeDhcp6(cut), { code: 'ERR_MALFORMED_PACKET' }, `${length} bytes`)
  }
})

t.test('relay agents wrap a message, and each gets its own marks back', async (t) => {
  const near = relayed(SOLICIT, 'fd00:1::1', SOURCE, [option(OPTION.interfaceId, 'aa01')])
  const far = relayed(near, '::', 'fd00:1::1', [
    option(OPTION.interfaceId, 'bb02'),
    option(OPTION.remoteId, '0000000912'),
    option(OPTION.clientLinkLayerAddress, '0001525400770001')
  ])
  const { relays, message: inner } = decodeDhcp6(far)
  t.same(
    relays.map(({ linkAddress, peerAddress }) => [linkAddress, peerAddress]),
    [
      ['::', 'fd00:1::1'],
      ['fd00:1::1', SOURCE]
    ],
    'the outermost first'
  )
  t.equal(inner.transactionId, 0xabcdef)

  const reply = encodeRelayReply(relays, encodeMessage({ ...inner, type: MESSAGE.reply }))
  t.equal(reply.readUInt8(0), MESSAGE.relayReply)
  const back = decodeDhcp6(reply)
  t.equal(back.message.type, MESSAGE.reply)
  t.same(
    back.relays.map(({ options }) => options.map(({ code }) => code)),
    [[OPTION.interfaceId, OPTION.remoteId], [OPTION.interfaceId]],
    'the client’s link-layer address is no mark of the relay’s'
  )
})

t.test('neither more than eight relay agents nor more than 128 options are read', async (t) => {
  let bytes: Uint8Array = SOLICIT
  for (let i = 0; i < 8; i += 1) bytes = relayed(bytes, '::', SOURCE, [])
  t.equal(decodeDhcp6(bytes).relays.length, 8)
  t.throws(() => decodeDhcp6(relayed(bytes, '::', SOURCE, [])), { message: /malformed relay messages: too many/ })
  t.throws(() => decodeDhcp6(Buffer.concat([SOLICIT, Buffer.alloc(4 * 200)])), {
    message: /malformed options: too many/
  })
  const mark = (bytes: number) => [{ code: OPTION.interfaceId, value: Buffer.alloc(bytes) }]
  t.throws(() => decodeDhcp6(relayed(SOLICIT, '::', SOURCE, mark(60_000))), { message: /malformed message: too long/ })
  const long = decodeDhcp6(relayed(relayed(SOLICIT, '::', SOURCE, mark(8000)), '::', SOURCE, []))
  t.equal(
    encodeRelayReply(long.relays, Buffer.alloc(20_000)).length,
    2 * 38 + 4 + 8000 + 20_000,
    'what is read fits back'
  )
  const hollow = relayed(SOLICIT, '::', SOURCE, []).subarray(0, 34)
  t.throws(() => decodeDhcp6(hollow), { message: /malformed relay message/ })
})
