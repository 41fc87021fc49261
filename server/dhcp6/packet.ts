// DHCPv6 messages as bytes (RFC 8415 §8, §9): a client's message, and the relay agents' that it may be wrapped in.
import { type Ipv6, ipv6Bytes, ipv6FromBytes } from '../net/ipv6.ts'
import { MalformedPacket, Reader } from '../wire/cursor.ts'
import { MESSAGE, OPTION } from './registry.ts'

export interface Option6 {
  readonly code: number
  readonly value: Uint8Array
}

/** In the order of the message; some occur more than once. */
export type Options6 = readonly Option6[]

export interface Message6 {
  readonly type: number
  /** 24 bits. */
  readonly transactionId: number
  readonly options: Options6
}

/** What one relay agent wrapped around the message. */
export interface RelayLayer {
  readonly hopCount: number
  /** Names the client's link; `::` when the relay leaves that to its interface-id. */
  readonly linkAddress: Ipv6
  /** The client, or the next relay agent towards it. */
  readonly peerAddress: Ipv6
  /** Without the relayed message itself. */
  readonly options: Options6
}

export interface Received6 {
  readonly message: Message6
  /** The outermost first: the one that sent us this. The last one is nearest to the client. */
  readonly relays: readonly RelayLayer[]
}

/** RFC 8415 §7.6. */
const HOP_COUNT_LIMIT = 8
/** No client sends half as many; more would only be work. */
const MAX_OPTIONS = 128
/** Nor a message of half this length, whatever relay agents add: what is sent back of it fits into an option again. */
const MAX_BYTES = 8192

/** Throws MalformedPacket, and nothing else, for bytes that are no DHCPv6 message. */
export function decodeDhcp6(datagram: Uint8Array): Received6 {
  const relays: RelayLayer[] = []
  if (datagram.length > MAX_BYTES) throw new MalformedPacket('message: too long', MAX_BYTES)
  for (let bytes = datagram; ; ) {
    const r = new Reader(bytes)
    const type = r.u8('message type')
    if (type !== MESSAGE.relayForward && type !== MESSAGE.relayReply) {
      const transactionId = (r.u8('transaction id') << 16) | r.u16('transaction id')
      return { message: { type, transactionId, options: readOptions(r) }, relays }
    }
    if (relays.length === HOP_COUNT_LIMIT) throw r.malformed('relay messages: too many')
    const hopCount = r.u8('hop count')
    const linkAddress = ipv6FromBytes(r.bytes(16, 'link address'))
    const peerAddress = ipv6FromBytes(r.bytes(16, 'peer address'))
    const options = readOptions(r)
    const relayed = optionValue(options, OPTION.relayMessage)
    if (!relayed) throw r.malformed('relay message')
    const own = options.filter(({ code }) => code !== OPTION.relayMessage)
    relays.push({ hopCount, linkAddress, peerAddress, options: own })
    bytes = relayed
  }
}

/** Options inside of an option. Throws MalformedPacket. */
export function decodeOptions(value: Uint8Array): Options6 {
  return readOptions(new Reader(value))
}

function readOptions(r: Reader): Options6 {
  const options: Option6[] = []
  while (r.remaining > 0) {
    if (options.length === MAX_OPTIONS) throw r.malformed('options: too many')
    const code = r.u16('option code')
    options.push({ code, value: r.bytes(r.u16('option length'), `option ${code}`) })
  }
  return options
}

export function optionValue(options: Options6, code: number): Uint8Array | undefined {
  return options.find((option) => option.code === code)?.value
}

export function encodeMessage({ type, transactionId, options }: Message6): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(transactionId)
  header.writeUInt8(type)
  return Buffer.concat([header, encodeOptions(options)])
}

/**
 * The way back through the relay agents that the request came by (RFC 8415 §19.3): each gets its own interface-id and
 * remote-id again.
 */
export function encodeRelayReply(relays: readonly RelayLayer[], message: Uint8Array): Buffer {
  return Buffer.from(
    relays.toReversed().reduce((inner, { hopCount, linkAddress, peerAddress, options }) => {
      const echoed = options.filter(({ code }) => code === OPTION.interfaceId || code === OPTION.remoteId)
      return Buffer.concat([
        Uint8Array.of(MESSAGE.relayReply, hopCount),
        ipv6Bytes(linkAddress),
        ipv6Bytes(peerAddress),
        encodeOptions([...echoed, { code: OPTION.relayMessage, value: inner }])
      ])
    }, message)
  )
}

export function encodeOptions(options: Options6): Buffer {
  return Buffer.concat(
    options.flatMap(({ code, value }) => {
      const header = Buffer.alloc(4)
      header.writeUInt16BE(code, 0)
      header.writeUInt16BE(value.length, 2)
      return [header, value]
    })
  )
}
