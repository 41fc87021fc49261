// Typed views of raw option values, one per value shape. Absence is undefined; a value of the wrong shape is malformed.
import { type Ipv4, netmask, type Subnet } from '../net/ipv4.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import type { OptionMap } from './packet.ts'

/** All readers throw MalformedPacket when the option is there and its length is wrong. */
export function readU8(options: OptionMap, code: number): number | undefined {
  return fixed(options, code, 1)?.[0]
}

export function readU16(options: OptionMap, code: number): number | undefined {
  const value = fixed(options, code, 2)
  return value && ((value[0] ?? 0) << 8) + (value[1] ?? 0)
}

export function readU32(options: OptionMap, code: number): number | undefined {
  const value = fixed(options, code, 4)
  if (!value) return undefined
  return (((value[0] ?? 0) << 24) | ((value[1] ?? 0) << 16) | ((value[2] ?? 0) << 8) | (value[3] ?? 0)) >>> 0
}

export const readIpv4: (options: OptionMap, code: number) => Ipv4 | undefined = readU32

/** NVT ASCII; some clients end it with NULs, which are not part of it (RFC 2132 §2). */
export function readText(options: OptionMap, code: number): string | undefined {
  const value = options.get(code)
  return value && view(value).toString('latin1').replace(/\0+$/, '')
}

/** Sub-options: code, length, value (options 43, 82, 175). Stops at what runs past the end, like the options do. */
export function readSubOptions(value: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>()
  for (let at = 0; at < value.length; ) {
    const code = value[at]
    if (code === 0) {
      at += 1
      continue
    }
    const length = value[at + 1]
    if (code === undefined || code === 255 || length === undefined || at + 2 + length > value.length) break
    found.set(code, value.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return found
}

function fixed(options: OptionMap, code: number, length: number): Uint8Array | undefined {
  const value = options.get(code)
  if (value && value.length !== length) throw new MalformedPacket(`option ${code}`, 0)
  return value
}

function view(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

export function u8(value: number): Uint8Array {
  const bytes = new Uint8Array(1) // Uint8Array.of takes several times as long, in each reply
  bytes[0] = value
  return bytes
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value)
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  bytes[0] = value >>> 24
  bytes[1] = value >>> 16
  bytes[2] = value >>> 8
  bytes[3] = value
  return bytes
}

export const ipv4: (address: Ipv4) => Uint8Array = u32

export function ipv4List(addresses: readonly Ipv4[]): Uint8Array {
  const value = Buffer.alloc(4 * addresses.length)
  addresses.forEach((address, i) => {
    value.writeUInt32BE(address, 4 * i)
  })
  return value
}

export function text(value: string): Uint8Array {
  return Buffer.from(value, 'latin1')
}

export interface Route {
  readonly to: Subnet
  readonly via: Ipv4
}

/** Classless static routes (RFC 3442): prefix length, the significant octets of the network, router. */
export function routes(list: readonly Route[]): Uint8Array {
  const bytes = list.flatMap(({ to, via }) => {
    const network = [...u32((to.network & netmask(to.prefix)) >>> 0)]
    return [to.prefix, ...network.slice(0, Math.ceil(to.prefix / 8)), ...u32(via)]
  })
  return Uint8Array.from(bytes)
}

export function subOptions(list: readonly (readonly [code: number, value: Uint8Array])[]): Uint8Array {
  return Buffer.concat(list.flatMap(([code, value]) => [Uint8Array.of(code, value.length), value]))
}
