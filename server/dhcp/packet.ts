// DHCPv4 messages (RFC 2131 §2) and their options (RFC 2132, RFC 3396). Pure: no socket, no clock, no log.
import type { Ipv4 } from '../net/ipv4.ts'
import { Reader } from '../wire/cursor.ts'
import { OPTION } from './registry.ts'

const HEADER_LENGTH = 240
const MAGIC_COOKIE = 0x63825363
const SNAME_START = 44
const SNAME_LENGTH = 64
const FILE_START = 108
const FILE_LENGTH = 128
const MIN_LENGTH = 300 // RFC 951 and RFC 1542 §2.1: some relays and U-Boot drop anything shorter
const LONGEST_CHUNK = 255
const FILE_HOLDS_OPTIONS = 1
const SNAME_HOLDS_OPTIONS = 2

export const BROADCAST_FLAG = 0x8000

export type OptionMap = ReadonlyMap<number, Uint8Array>

/** One message. Options of the `file` and `sname` fields (RFC 2132 §9.3) are in `options`, which never holds 52. */
export interface DhcpPacket {
  readonly op: 'request' | 'reply'
  /** Hardware type: 1 is Ethernet. */
  readonly htype: number
  readonly hops: number
  readonly xid: number
  readonly secs: number
  /** All sixteen bits, as they came. */
  readonly flags: number
  readonly ciaddr: Ipv4
  readonly yiaddr: Ipv4
  /** next-server */
  readonly siaddr: Ipv4
  readonly giaddr: Ipv4
  /** Hexadecimal pairs with colons, as many as hlen says: empty on IPoIB, a MAC on Ethernet. */
  readonly chaddr: string
  readonly sname: string
  /** bootfile */
  readonly file: string
  readonly options: OptionMap
}

/** A message does not fit into what its receiver takes. */
export class PacketTooLong extends Error {
  readonly code = 'DHCP_PACKET_TOO_LONG'

  constructor(lengthBytes: number, maxLengthBytes: number) {
    super(`DHCP message of ${lengthBytes} bytes, where ${maxLengthBytes} fit`)
    this.name = 'PacketTooLong'
  }
}

const HEX_DIGITS = Buffer.from('0123456789abcdef')

/** Throws MalformedPacket, and nothing else, for bytes that are no DHCP message. Keeps no reference to `datagram`. */
export function decodeDhcp(datagram: Uint8Array): DhcpPacket {
  const bytes = Buffer.from(datagram)
  const r = new Reader(bytes)
  const op = r.u8('op')
  if (op !== 1 && op !== 2) throw r.malformed('op')
  const htype = r.u8('htype')
  const hlen = r.u8('hlen')
  if (hlen > 16) throw r.malformed('hlen')
  const hops = r.u8('hops')
  const xid = r.u32('xid')
  const secs = r.u16('secs')
  const flags = r.u16('flags')
  const ciaddr = r.u32('ciaddr')
  const yiaddr = r.u32('yiaddr')
  const siaddr = r.u32('siaddr')
  const giaddr = r.u32('giaddr')
  const chaddr = hexPairs(bytes, r.pass(16, 'chaddr'), hlen)
  const sname = r.text(SNAME_LENGTH, 'sname')
  const file = r.text(FILE_LENGTH, 'file')
  if (r.u32('magic cookie') !== MAGIC_COOKIE) throw r.malformed('magic cookie')

  const options = new Map<number, Uint8Array>()
  readOptions(bytes, HEADER_LENGTH, r.remaining, options)
  const overload = options.get(OPTION.overload)?.[0] ?? 0
  options.delete(OPTION.overload)
  // RFC 3396 §5: the parts of a long option are joined in the order options, file, sname.
  const fileUsed = (overload & FILE_HOLDS_OPTIONS) !== 0
  const snameUsed = (overload & SNAME_HOLDS_OPTIONS) !== 0
  if (fileUsed) readOptions(bytes, FILE_START, FILE_LENGTH, options)
  if (snameUsed) readOptions(bytes, SNAME_START, SNAME_LENGTH, options)
  options.delete(OPTION.overload)
  return {
    op: op === 1 ? 'request' : 'reply',
    htype,
    hops,
    xid,
    secs,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: snameUsed ? '' : sname,
    file: fileUsed ? '' : file,
    options
  }
}

/** A missing END and an option that runs past the end both just end the field: real clients send either. */
function readOptions(bytes: Buffer, start: number, fieldLength: number, options: Map<number, Uint8Array>): void {
  const end = start + fieldLength
  let at = start
  while (at < end) {
    const code = bytes[at++]
    if (code === OPTION.pad) continue
    if (code === undefined || code === OPTION.end || at === end) return
    const length = bytes[at++]
    if (length === undefined || at + length > end) return
    const value = new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
    at += length
    const earlier = options.get(code)
    options.set(code, earlier ? Buffer.concat([earlier, value]) : value)
  }
}

const PAIRS = Buffer.alloc(3 * 16, ':')

/** At most sixteen. In one piece: a string that is put together is looked up in tables, and kept, at a greater cost. */
function hexPairs(bytes: Uint8Array, start: number, length: number): string {
  for (let i = 0; i < length; i += 1) {
    const byte = bytes[start + i] ?? 0
    PAIRS[3 * i] = HEX_DIGITS[byte >>> 4] ?? 0
    PAIRS[3 * i + 1] = HEX_DIGITS[byte & 15] ?? 0
  }
  return PAIRS.toString('latin1', 0, Math.max(0, 3 * length - 1))
}

export interface EncodeLimits {
  /** Longest message that the client takes, without IP and UDP headers. */
  readonly maxLengthBytes: number
  /**
   * May `file` and `sname` hold options when they are free and the message is too long otherwise? Never for a
   * machine that boots: shim reads only the header's `file`, and GRUB ignores that field when option 52 is there.
   */
  readonly overload: boolean
}

const ETHERNET_PAYLOAD: EncodeLimits = { maxLengthBytes: 1472, overload: false }

/** Throws PacketTooLong, and RangeError for a name that its header field cannot hold. */
export function encodeDhcp(packet: DhcpPacket, limits: EncodeLimits = ETHERNET_PAYLOAD): Buffer {
  const codes = inOrder(packet.options)
  const length = HEADER_LENGTH + optionsLength(packet.options) + 1
  if (length <= limits.maxLengthBytes) return encodePlain(packet, codes, Math.max(length, MIN_LENGTH))
  if (limits.overload) return encodeOverloaded(packet, codes, limits.maxLengthBytes)
  throw new PacketTooLong(length, limits.maxLengthBytes)
}

function encodePlain(packet: DhcpPacket, codes: readonly number[], length: number): Buffer {
  // From Node's pool. Zero is PAD, and PAD stands only after END (some Raspberry Pis drop it before).
  const out = Buffer.allocUnsafe(length).fill(0)
  writeHeader(out, packet)
  let at = HEADER_LENGTH
  for (const code of codes) at = writeOption(out, at, code, packet.options.get(code))
  out[at] = OPTION.end
  return out
}

interface Area {
  /** Where it stands in the message. */
  readonly start: number
  readonly bytes: Buffer
  /** Its bit in option 52; 0 for the options field itself. */
  readonly bit: number
  used: number
}

function encodeOverloaded(packet: DhcpPacket, codes: readonly number[], maxLength: number): Buffer {
  const main: Area = { start: HEADER_LENGTH, bytes: Buffer.alloc(maxLength - HEADER_LENGTH), bit: 0, used: 3 }
  const areas = [main]
  if (packet.file === '')
    areas.push({ start: FILE_START, bytes: Buffer.alloc(FILE_LENGTH), bit: FILE_HOLDS_OPTIONS, used: 0 })
  if (packet.sname === '')
    areas.push({ start: SNAME_START, bytes: Buffer.alloc(SNAME_LENGTH), bit: SNAME_HOLDS_OPTIONS, used: 0 })
  // What no other area could hold has the first choice of this one, behind what stands first anyway.
  const isLarge = (code: number): boolean => (packet.options.get(code)?.length ?? 0) > FILE_LENGTH - 3
  const turn = (code: number): number => (rank(code) < 0 ? 0 : isLarge(code) ? 1 : 2)
  for (const code of codes.toSorted((a, b) => turn(a) - turn(b))) {
    if (!placeOption(areas, code, packet.options.get(code))) {
      throw new PacketTooLong(HEADER_LENGTH + optionsLength(packet.options) + 1, maxLength)
    }
  }
  const taken = areas.filter(({ bit, used }) => bit !== 0 && used > 0)
  // Option 52 itself goes first, where three bytes were kept for it.
  main.bytes.set([OPTION.overload, 1, taken.reduce((bits, { bit }) => bits | bit, 0)])
  for (const area of areas) area.bytes[area.used] = OPTION.end
  const out = Buffer.alloc(Math.max(HEADER_LENGTH + main.used + 1, MIN_LENGTH))
  writeHeader(out, packet)
  out.set(main.bytes.subarray(0, main.used + 1), main.start)
  for (const { bytes, start } of taken) out.set(bytes, start)
  return out
}

/** In the first area with room; the parts of a long one never go backwards (RFC 3396 §5). */
function placeOption(areas: readonly Area[], code: number, value: Uint8Array = new Uint8Array()): boolean {
  let next = 0
  for (let from = 0; from === 0 || from < value.length; from += LONGEST_CHUNK) {
    const part = value.subarray(from, from + LONGEST_CHUNK)
    while ((areas[next]?.bytes.length ?? Infinity) < (areas[next]?.used ?? 0) + part.length + 3) next += 1
    const area = areas[next]
    if (!area) return false
    area.used = writeOption(area.bytes, area.used, code, part)
  }
  return true
}

function writeHeader(out: Buffer, p: DhcpPacket): void {
  if (p.file.length > FILE_LENGTH - 1) throw new RangeError(`bootfile longer than 127 bytes: ${p.file}`)
  if (p.sname.length > SNAME_LENGTH - 1) throw new RangeError(`server name longer than 63 bytes: ${p.sname}`)
  out[0] = p.op === 'request' ? 1 : 2
  out[1] = p.htype
  out[2] = Math.ceil(p.chaddr.length / 3)
  out[3] = p.hops
  out.writeUInt32BE(p.xid, 4)
  out.writeUInt16BE(p.secs, 8)
  out.writeUInt16BE(p.flags, 10)
  out.writeUInt32BE(p.ciaddr, 12)
  out.writeUInt32BE(p.yiaddr, 16)
  out.writeUInt32BE(p.siaddr, 20)
  out.writeUInt32BE(p.giaddr, 24)
  for (let i = 0; i < p.chaddr.length; i += 3)
    out[28 + i / 3] = (hexDigit(p.chaddr, i) << 4) | hexDigit(p.chaddr, i + 1)
  if (p.sname !== '') out.write(p.sname, SNAME_START, 'latin1')
  if (p.file !== '') out.write(p.file, FILE_START, 'latin1')
  out.writeUInt32BE(MAGIC_COOKIE, 236)
}

function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return (code & 15) + (code > 0x39 ? 9 : 0)
}

/** RFC 3396: a value of more than 255 bytes is split over options of the same code. */
function writeOption(out: Buffer, start: number, code: number, value: Uint8Array = new Uint8Array()): number {
  let at = start
  for (let from = 0; from === 0 || from < value.length; from += LONGEST_CHUNK) {
    const length = Math.min(value.length - from, LONGEST_CHUNK)
    out[at] = code
    out[at + 1] = length
    // Most are four bytes long: `set` takes longer to begin than to copy them.
    for (let i = 0; i < length; i += 1) out[at + 2 + i] = value[from + i] ?? 0
    at += 2 + length
  }
  return at
}

function optionsLength(options: OptionMap): number {
  let length = 0
  for (const value of options.values()) {
    length += value.length + 2 * Math.max(1, Math.ceil(value.length / LONGEST_CHUNK))
  }
  return length
}

// What old firmware wants to see early, and what may be cut off late; the relay's option is last (RFC 3046 §2.1).
const FIRST = [53, 54, 51, 58, 59, 1, 3, 6]
const LAST = [60, 97, 43, 66, 67, 61, 82]
const RANKS = Int16Array.from({ length: 256 }, (_, code) => {
  if (FIRST.includes(code)) return FIRST.indexOf(code) - 1000
  if (LAST.includes(code)) return LAST.indexOf(code) + 1000
  return code
})

function rank(code: number): number {
  return RANKS[code] ?? code
}

/** Sorted while they are gathered: a dozen codes, in each reply. */
function inOrder(options: OptionMap): number[] {
  const codes: number[] = []
  for (const code of options.keys()) {
    let at = codes.length
    for (; at > 0 && rank(codes[at - 1] ?? 0) > rank(code); at -= 1) codes[at] = codes[at - 1] ?? 0
    codes[at] = code
  }
  return codes
}
