// Typed views of raw option values, one per value shape. Absence is undefined; a value of the wrong shape is malformed.
import { type Ipv6, ipv6Bytes, ipv6FromBytes } from '../net/ipv6.ts'
import { Reader } from '../wire/cursor.ts'
import { decodeOptions, encodeOptions, type Option6, type Options6, optionValue } from './packet.ts'
import { OPTION, PXE_ENTERPRISE, type STATUS } from './registry.ts'

/** A client's wish for an address (RFC 8415 §21.4). */
export interface IdentityAssociation {
  readonly iaid: number
  /** Those that it has or would like. */
  readonly addresses: readonly Ipv6[]
}

/** All readers throw MalformedPacket when an option is there and is not of its shape. */
export function readAssociations(options: Options6): readonly IdentityAssociation[] {
  return options
    .filter(({ code }) => code === OPTION.iaNa)
    .map(({ value }) => {
      const r = new Reader(value)
      const iaid = r.u32('IAID')
      r.bytes(8, 'T1 and T2') // a server's matter
      const inner = decodeOptions(r.bytes(r.remaining, 'IA_NA options'))
      const addresses = inner.filter(({ code }) => code === OPTION.iaAddress).map((option) => readAddress(option.value))
      return { iaid, addresses }
    })
}

function readAddress(value: Uint8Array): Ipv6 {
  const r = new Reader(value)
  const address = ipv6FromBytes(r.bytes(16, 'IA address'))
  r.bytes(8, 'lifetimes')
  return address
}

/** Option request, architecture: u16 after u16. */
export function readU16s(options: Options6, code: number): readonly number[] {
  const value = optionValue(options, code)
  if (!value) return []
  const r = new Reader(value)
  const numbers: number[] = []
  while (r.remaining > 0) numbers.push(r.u16(`option ${code}`))
  return numbers
}

/** User class (RFC 8415 §21.15): counted texts. iPXE before 2021 sent one text without its count. */
export function readUserClasses(options: Options6): readonly string[] {
  const value = optionValue(options, OPTION.userClass)
  if (!value) return []
  return value.length >= 2 && readCounted(value) === undefined ? [latin1(value)] : (readCounted(value) ?? [])
}

/** Vendor class (RFC 8415 §21.16) of Intel's enterprise: where UEFI says what boots. */
export function readPxeVendorClass(options: Options6): string | undefined {
  for (const { code, value } of options) {
    if (code !== OPTION.vendorClass) continue
    const r = new Reader(value)
    if (r.u32('enterprise number') !== PXE_ENTERPRISE) continue
    return readCounted(r.bytes(r.remaining, 'vendor class'))?.[0]
  }
  return undefined
}

/** Undefined when the counts don't fit to the byte. */
function readCounted(value: Uint8Array): readonly string[] | undefined {
  const bytes = Buffer.from(value)
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length) return undefined
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) return undefined
    texts.push(latin1(bytes.subarray(at + 2, end)))
    at = end
  }
  return texts
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1')
}

export interface Grant {
  readonly address: Ipv6
  readonly lifetimeSeconds: number
}

/** An answered wish: renewed after half of the lifetime, from anybody after four fifths (RFC 8415 §14.2). */
export function association(iaid: number, grants: readonly Grant[], status?: Option6): Option6 {
  const lifetime = grants.find(({ lifetimeSeconds }) => lifetimeSeconds > 0)?.lifetimeSeconds ?? 0
  const times = [iaid, Math.floor(lifetime / 2), Math.floor((lifetime * 4) / 5)]
  const addresses = grants.map(({ address, lifetimeSeconds }) => ({
    code: OPTION.iaAddress,
    value: Buffer.concat([ipv6Bytes(address), u32(lifetimeSeconds), u32(lifetimeSeconds)])
  }))
  const value = Buffer.concat([...times.map(u32), encodeOptions([...addresses, ...(status ? [status] : [])])])
  return { code: OPTION.iaNa, value }
}

export function status(code: (typeof STATUS)[keyof typeof STATUS], words: string): Option6 {
  return { code: OPTION.statusCode, value: Buffer.concat([u16(code), Buffer.from(words)]) }
}

export function addressList(code: number, addresses: readonly Ipv6[]): Option6 {
  return { code, value: Buffer.concat(addresses.map(ipv6Bytes)) }
}

export function text(code: number, words: string): Option6 {
  return { code, value: Buffer.from(words, 'latin1') }
}

export function pxeVendorClass(words: string): Option6 {
  return {
    code: OPTION.vendorClass,
    value: Buffer.concat([u32(PXE_ENTERPRISE), u16(words.length), Buffer.from(words)])
  }
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value)
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}
