// Where inputs of common shapes may be cut and joined.
import type { Span } from './engine/target.ts'

/** Pieces that end with one of these bytes. */
export function pieces(input: Buffer, ...ends: readonly number[]): readonly Span[] {
  const spans: Span[] = []
  let start = 0
  for (const [at, byte] of input.entries()) {
    if (!ends.includes(byte)) continue
    spans.push({ start, end: at + 1 })
    start = at + 1
  }
  if (start < input.length) spans.push({ start, end: input.length })
  return spans
}

/** Blocks of one size. */
export function blocks(input: Buffer, size: number): readonly Span[] {
  return Array.from({ length: Math.ceil(input.length / size) }, (_, i) => ({
    start: i * size,
    end: Math.min(input.length, (i + 1) * size)
  }))
}

const DHCP_HEADER = 240

/** The options of a DHCP message, and its header. */
export function dhcpOptions(input: Buffer): readonly Span[] {
  const spans: Span[] = [{ start: 0, end: Math.min(DHCP_HEADER, input.length) }]
  for (let at = DHCP_HEADER; at < input.length; ) {
    const length = input[at] === 0 || input[at] === 255 ? 1 : 2 + (input[at + 1] ?? 0)
    spans.push({ start: at, end: Math.min(input.length, at + length) })
    at += length
  }
  return spans
}

const DHCP6_HEADER = 4

/** The options of a DHCPv6 message without relay agents, and its header. */
export function dhcp6Options(input: Buffer): readonly Span[] {
  const spans: Span[] = [{ start: 0, end: Math.min(DHCP6_HEADER, input.length) }]
  for (let at = DHCP6_HEADER; at < input.length; ) {
    const length = at + 4 <= input.length ? 4 + input.readUInt16BE(at + 2) : 4
    spans.push({ start: at, end: Math.min(input.length, at + length) })
    at += length
  }
  return spans
}

// An input that is several things, one after the other: a byte that says what is done, a u16 length, and that many bytes.

export interface Record {
  readonly kind: number
  readonly bytes: Buffer
}

const RECORD_HEADER = 3

export function records(input: Buffer): readonly Record[] {
  return recordSpans(input).map(({ start, end }) => ({
    kind: input[start] ?? 0,
    bytes: input.subarray(Math.min(start + RECORD_HEADER, end), end)
  }))
}

export function recordSpans(input: Buffer): readonly Span[] {
  const spans: Span[] = []
  for (let at = 0; at < input.length; ) {
    const length = at + RECORD_HEADER <= input.length ? input.readUInt16BE(at + 1) : 0
    const end = Math.min(input.length, at + RECORD_HEADER + length)
    spans.push({ start: at, end })
    at = end
  }
  return spans
}

export function encodeRecords(list: readonly { readonly kind: number; readonly bytes: Uint8Array }[]): Buffer {
  return Buffer.concat(
    list.flatMap(({ kind, bytes }) => [Buffer.of(kind, bytes.length >> 8, bytes.length & 0xff), bytes])
  )
}
