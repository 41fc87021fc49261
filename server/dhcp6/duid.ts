// DUIDs: what a client or a server is known by, as bytes that nobody but its maker reads (RFC 8415 §11). We look for a MAC.
import { randomUUID } from 'node:crypto'
import type { Mac } from '../net/mac.ts'

const LINK_LAYER_AND_TIME = 1
const LINK_LAYER = 3
const UUID = 4 // RFC 6355
const ETHERNET = 1

/** RFC 8415 §11.1: two bytes of type, and at most 128 behind them. */
export function isDuid(value: Uint8Array): boolean {
  return value.length >= 3 && value.length <= 130
}

/** The MAC in a DUID-LLT or DUID-LL: not always that of the card which asks, but one of the same machine. */
export function macOfDuid(duid: Uint8Array): Mac | undefined {
  const bytes = Buffer.from(duid)
  const start = { [LINK_LAYER_AND_TIME]: 8, [LINK_LAYER]: 4 }[bytes.readUInt16BE(0)]
  if (start === undefined || bytes.length !== start + 6 || bytes.readUInt16BE(2) !== ETHERNET) return undefined
  return bytes.toString('hex', start).replace(/..(?!$)/g, '$&:')
}

/**
 * The machine's SMBIOS UUID in a DUID-UUID, lower case with hyphens.
 *
 * @param asInSmbios the first three numbers are little-endian, as EDK2 copies them from the table; iPXE has turned them
 */
export function uuidOfDuid(duid: Uint8Array, asInSmbios: boolean): string | undefined {
  const bytes = Buffer.from(duid)
  if (bytes.length !== 18 || bytes.readUInt16BE(0) !== UUID) return undefined
  if (asInSmbios)
    for (const [from, to] of [
      [2, 6],
      [6, 8],
      [8, 10]
    ])
      bytes.subarray(from, to).reverse()
  return bytes.toString('hex', 2).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A server's own: to be kept, for clients ask by it again after months. */
export function newDuid(): Buffer {
  return Buffer.from(`0004${randomUUID().replaceAll('-', '')}`, 'hex')
}
