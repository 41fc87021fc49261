// TFTP packets (RFC 1350 §5, RFC 2347). Pure: no socket, no clock, no log.
import { type MalformedPacket, Reader } from '../wire/cursor.ts'

export const READ_REQUEST = 1
export const WRITE_REQUEST = 2
export const DATA = 3
export const ACK = 4
export const ERROR = 5
export const OACK = 6

/** RFC 1350 §5 and RFC 2347. U-Boot gives up on 1 and 2 alone and starts again for ever on any other. */
export const ErrorCode = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionRefused: 8
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

export const DATA_HEADER_BYTES = 4
export const DEFAULT_BLKSIZE = 512

/** RFC 2347 says 512; EDK2 and U-Boot stay below, but a long name with every option may not. */
const MAX_REQUEST_BYTES = 1500
const MAX_ERROR_TEXT = 200

export interface TftpRequest {
  readonly kind: 'request'
  readonly operation: 'read' | 'write'
  /** As it came: names.ts normalises. */
  readonly name: string
  /** Lower case: `octet`, `netascii`, `mail`, or what a broken client wrote. */
  readonly mode: string
  /** Names in lower case, in the order asked; of a repeated one the first. */
  readonly options: ReadonlyMap<string, string>
}

export type TftpPacket =
  | TftpRequest
  | { readonly kind: 'data'; readonly block: number; readonly bytes: Buffer }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly errorCode: number; readonly message: string }
  | { readonly kind: 'oack'; readonly options: ReadonlyMap<string, string> }

/** Throws MalformedPacket and nothing else. `data.bytes` shares the datagram's memory. */
export function decodeTftp(datagram: Uint8Array): TftpPacket {
  const r = new Reader(datagram)
  const opcode = r.u16('opcode')
  switch (opcode) {
    case READ_REQUEST:
    case WRITE_REQUEST:
      return decodeRequest(r, opcode === READ_REQUEST ? 'read' : 'write')
    case DATA:
      return { kind: 'data', block: r.u16('block'), bytes: r.bytes(r.remaining, 'data') }
    case ACK:
      return { kind: 'ack', block: r.u16('block') }
    case ERROR:
      return { kind: 'error', errorCode: r.u16('error code'), message: errorText(r) }
    case OACK:
      return { kind: 'oack', options: decodeOptions(r) }
    default:
      throw malformedOpcode(datagram)
  }
}

function malformedOpcode(datagram: Uint8Array): MalformedPacket {
  return new Reader(datagram).malformed('opcode')
}

// 2 bytes opcode | name | 0 | mode | 0 | (option | 0 | value | 0)*
function decodeRequest(r: Reader, operation: 'read' | 'write'): TftpRequest {
  if (r.remaining > MAX_REQUEST_BYTES) throw r.malformed('request length')
  const name = r.cstring('name')
  const mode = r.cstring('mode').toLowerCase()
  return { kind: 'request', operation, name, mode, options: decodeOptions(r) }
}

function decodeOptions(r: Reader): Map<string, string> {
  const options = new Map<string, string>()
  while (r.remaining > 0) {
    const name = r.cstring('option name').toLowerCase()
    if (name === '') break // some ROMs pad the datagram with zeros
    const value = r.cstring(`option ${name.slice(0, 16)}`)
    if (!options.has(name)) options.set(name, value)
  }
  return options
}

/** PXE ROMs are known to leave the closing NUL out; the code says enough. */
function errorText(r: Reader): string {
  return r.text(r.remaining, 'error message').slice(0, MAX_ERROR_TEXT)
}

/** Whether it begins a transfer, as far as its opcode says. */
export function isRequest(datagram: Buffer): boolean {
  return datagram[0] === 0 && (datagram[1] === READ_REQUEST || datagram[1] === WRITE_REQUEST)
}

/** The block number of an ACK, without building a packet: the hot path of every transfer. */
export function ackBlock(datagram: Buffer): number | undefined {
  if (datagram.length < 4 || datagram[0] !== 0 || datagram[1] !== ACK) return undefined
  return datagram.readUInt16BE(2)
}

export function encodeRequest(request: Omit<TftpRequest, 'kind'>): Buffer {
  const opcode = request.operation === 'read' ? READ_REQUEST : WRITE_REQUEST
  return Buffer.concat([Buffer.of(0, opcode), cstrings([request.name, request.mode, ...[...request.options].flat()])])
}

/** The four bytes before a block's data; `block` may be an absolute index: it rolls over to 0 (never 1). */
export function writeDataHeader(into: Buffer, at: number, block: number): void {
  into[at] = 0
  into[at + 1] = DATA
  into.writeUInt16BE(block % 0x10000, at + 2)
}

export function encodeData(block: number, bytes: Uint8Array): Buffer {
  const header = Buffer.allocUnsafe(DATA_HEADER_BYTES)
  writeDataHeader(header, 0, block)
  return Buffer.concat([header, bytes])
}

export function encodeAck(block: number): Buffer {
  const packet = Buffer.of(0, ACK, 0, 0)
  packet.writeUInt16BE(block % 0x10000, 2)
  return packet
}

export function encodeError(errorCode: number, message: string): Buffer {
  const head = Buffer.of(0, ERROR, 0, 0)
  head.writeUInt16BE(errorCode, 2)
  return Buffer.concat([head, cstrings([message.slice(0, MAX_ERROR_TEXT)])])
}

/** Names go out as given: lower case, because U-Boot (lwIP) and GRUB compare bytes. */
export function encodeOack(options: ReadonlyMap<string, string>): Buffer {
  return Buffer.concat([Buffer.of(0, OACK), cstrings([...options].flat())])
}

function cstrings(texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text.replaceAll('\0', '')}\0`).join(''), 'latin1')
}
