// What a GET or HEAD for one representation is answered with: preconditions and ranges (RFC 9110 §13 and §14) as a pure
// decision. Nothing is sent here.
import rangeParser from 'range-parser'
import { DateText } from './date-text.ts'

export interface Representation {
  readonly sizeBytes: number
  /** With its quotes; always a strong one. */
  readonly etag: string
  /** ms since 1970; undefined for what is made when asked for. */
  readonly modifiedAt: number | undefined
  readonly mediaType: string
  /** The same name always has the same bytes. */
  readonly immutable: boolean
}

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface ResponsePlan {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly headers: Readonly<Record<string, string | number>>
  /** Bytes to send, `end` exclusive; empty for answers without a body. */
  readonly start: number
  readonly end: number
}

export function planResponse(method: 'GET' | 'HEAD', headers: RequestHeaders, of: Representation): ResponsePlan {
  const common = commonHeaders(of)
  const failed = precondition(headers, of)
  if (failed === 412) return { status: 412, headers: { 'content-length': 0 }, start: 0, end: 0 }
  if (failed === 304) return { status: 304, headers: common, start: 0, end: 0 }
  // RFC 9110 §14.2: Range means something to GET only.
  const range = method === 'GET' ? rangeOf(headers, of) : undefined
  if (range === 'unsatisfiable') {
    const unsatisfied = { 'content-range': `bytes */${of.sizeBytes}`, 'content-length': 0 }
    return { status: 416, headers: unsatisfied, start: 0, end: 0 }
  }
  const { start, end } = range ?? { start: 0, end: of.sizeBytes }
  common['content-type'] = of.mediaType
  common['content-length'] = end - start
  if (range !== undefined) common['content-range'] = `bytes ${start}-${end - 1}/${of.sizeBytes}`
  const status = range === undefined ? 200 : 206
  if (method === 'HEAD') return { status, headers: common, start: 0, end: 0 }
  return { status, headers: common, start, end }
}

function commonHeaders(of: Representation): Record<string, string | number> {
  const headers: Record<string, string | number> = { etag: of.etag }
  if (of.modifiedAt !== undefined) headers['last-modified'] = MODIFIED.of(of.modifiedAt)
  headers['accept-ranges'] = 'bytes'
  headers['cache-control'] = of.immutable ? 'public, max-age=31536000, immutable' : 'no-cache'
  return headers
}

// The order of RFC 9110 §13.2.2. Each date counts only where no entity tag was sent.
function precondition(headers: RequestHeaders, of: Representation): 304 | 412 | undefined {
  const ifMatch = field(headers, 'if-match')
  if (ifMatch !== undefined) {
    if (!lists(ifMatch, of.etag)) return 412
  } else if (isOlder(field(headers, 'if-unmodified-since'), of)) return 412
  const ifNoneMatch = field(headers, 'if-none-match')
  if (ifNoneMatch !== undefined) return lists(ifNoneMatch.replaceAll('W/', ''), of.etag) ? 304 : undefined
  const since = field(headers, 'if-modified-since')
  return of.modifiedAt !== undefined && isDate(since) && !isOlder(since, of) ? 304 : undefined
}

function rangeOf(
  headers: RequestHeaders,
  of: Representation
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const range = field(headers, 'range')
  if (range === undefined || !isStillTheSame(field(headers, 'if-range'), of)) return undefined
  const parsed = rangeParser(of.sizeBytes, range)
  if (parsed === -1) return 'unsatisfiable'
  // A server may ignore what it doesn't care to understand: malformed ranges, other units, several ranges at once.
  if (parsed === -2 || parsed.type !== 'bytes' || parsed.length !== 1) return undefined
  const [only] = parsed
  return only === undefined ? undefined : { start: only.start, end: only.end + 1 }
}

/** If-Range: an entity tag has to be strong, a date exact (RFC 9110 §13.1.5). */
function isStillTheSame(ifRange: string | undefined, of: Representation): boolean {
  if (ifRange === undefined) return true
  if (ifRange.startsWith('"')) return ifRange === of.etag
  return of.modifiedAt !== undefined && Date.parse(ifRange) === wholeSeconds(of.modifiedAt)
}

function isOlder(date: string | undefined, of: Representation): boolean {
  return isDate(date) && of.modifiedAt !== undefined && Date.parse(date) < wholeSeconds(of.modifiedAt)
}

function isDate(text: string | undefined): text is string {
  return text !== undefined && !Number.isNaN(Date.parse(text))
}

/** Of one file after the other, or of the same again. */
const MODIFIED = new DateText()

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function lists(header: string, etag: string): boolean {
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim() === etag)
}

function field(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
