// The head of a request as nearly every client writes it: GET or HEAD of a path, each line as it should be, no body. Pure.
// Whatever is said in another way is none of ours and goes to node:http, which knows all the ways.

export interface PlainRequest {
  readonly method: 'GET' | 'HEAD'
  /** Path and query, in origin form and without percent signs in its path. */
  readonly target: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The connection stays open after the response. */
  readonly keepAlive: boolean
}

const LONGEST = 4096
// RFC 9112 §3 and §5: no bare CR or LF, no blank before a colon, no folded line, nothing beyond printable ASCII.
const HEAD =
  /^(GET|HEAD) (\/[!"$&-;=@-~]*(?:\?[!-~]*)?) HTTP\/(1\.[01])\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*)\r\n$/
/** These mean a body, another protocol, or an answer before the answer. */
const ELSEWHERE = new Set(['content-length', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer'])

/** Undefined unless `bytes` is one whole head of the plain kind, and not a byte more. */
export function parsePlainRequest(bytes: Buffer): PlainRequest | undefined {
  if (bytes.length > LONGEST) return undefined
  const [, method, target, version, lines] = HEAD.exec(bytes.toString('latin1')) ?? []
  if ((method !== 'GET' && method !== 'HEAD') || (version !== '1.0' && version !== '1.1')) return undefined
  const headers = lines === undefined ? undefined : headersOf(lines)
  if (target === undefined || headers === undefined) return undefined
  const keepAlive = keepsAlive(version, headers.connection)
  return keepAlive === undefined ? undefined : { method, target, headers, keepAlive }
}

/** Undefined when a field is there twice or asks for more than a plain answer. */
function headersOf(lines: string): Record<string, string> | undefined {
  const headers: Record<string, string> = Object.create(null)
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(':', at)
    const end = lines.indexOf('\r\n', colon)
    const name = lines.slice(at, colon).toLowerCase()
    if (name in headers || ELSEWHERE.has(name)) return undefined
    headers[name] = lines.slice(colon + 1, end).trim()
    at = end + 2
  }
  return headers
}

/** Undefined when the field says something else, or more. */
function keepsAlive(version: '1.0' | '1.1', connection: string | undefined): boolean | undefined {
  switch (connection?.toLowerCase()) {
    case undefined:
      return version === '1.1'
    case 'keep-alive':
      return true
    case 'close':
      return false
    default:
      return undefined
  }
}
