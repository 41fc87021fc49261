// What a GET or HEAD of a name is answered with, whichever way the request came in, and what is told of it.
import { parse } from 'node:querystring'
import type { FastifyBaseLogger } from 'fastify'
import { IPXE_SCRIPT } from '../boot/loader.ts'
import type { Resolve, Resource, TransferReport } from '../boot/model.ts'
import type { Clock } from '../clock.ts'
import type { Address } from '../net/address.ts'
import { rescue, type Soon, whenThere } from '../soon.ts'
import type { HttpCounters } from './counters.ts'
import { type End, type Ends, endOf } from './ends.ts'
import type { Outlet } from './outlet.ts'
import type { PerMinute } from './per-minute.ts'
import { planResponse, type RequestHeaders, type ResponsePlan } from './response-plan.ts'
import { type Delivery, representationOf, type Sender } from './serve-file.ts'

export interface NameRequest {
  readonly method: 'GET' | 'HEAD'
  /** Path and query. */
  readonly target: string
  readonly headers: RequestHeaders
}

export interface NameDeps {
  readonly resolve: Resolve
  readonly report: (report: TransferReport) => void
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly sender: Sender
  readonly scripts: PerMinute
  readonly proxy?: TrustedProxy | undefined
  readonly counters: HttpCounters
}

/** A proxy in front, whose word is taken for who asks. */
export interface TrustedProxy {
  readonly addresses: readonly string[]
  /** The location of blobs, which it sends by itself; undefined: it passes on what we send. */
  readonly blobs?: string | undefined
}

export const PLAIN = 'text/plain; charset=utf-8'

/** Answers through the outlet, to its end. */
export function serveName(deps: NameDeps, request: NameRequest, ends: Ends, outlet: Outlet): Soon<void> {
  const [path = '', query = ''] = request.target.split('?', 2)
  const name = nameOf(path)
  if (name === undefined) return plain(outlet, 404, 'not found')
  const proxy = isFromProxy(ends, deps.proxy) ? deps.proxy : undefined
  const client = told(proxy, request, 'x-real-ip') ?? ends.client
  if (name === IPXE_SCRIPT && !deps.scripts.allows(client.text ?? '')) return plain(outlet, 429, 'too many requests')
  const server = told(proxy, request, 'x-server-address') ?? ends.server
  const asked = { name, query: queryOf(query), via: 'http', client: client.address, server: server.address } as const
  return rescue(
    () =>
      whenThere(deps.resolve(asked), (resource) => {
        if (resource === undefined) return plain(outlet, 404, 'not found')
        const wanted = { name, client: client.address, resource }
        if (proxy?.blobs !== undefined && resource.kind === 'file' && resource.digest !== undefined) {
          return handOver(deps, wanted, `${proxy.blobs}${resource.digest.replace(':', '/')}`, request, outlet)
        }
        const plan = planResponse(request.method, request.headers, representationOf(resource))
        return send(deps, { ...wanted, plan }, outlet)
      }),
    (error) => {
      deps.log.error({ err: error, url: request.target }, 'a request failed')
      plain(outlet, 500, 'the server failed')
    }
  )
}

interface Wanted {
  readonly name: string
  readonly client: Address | undefined
  readonly resource: Resource
}

interface Transfer extends Wanted {
  readonly plan: ResponsePlan
}

/** The proxy answers ranges and preconditions by itself. How far its client gets, only that client's check-ins tell. */
function handOver(deps: NameDeps, wanted: Wanted, location: string, request: NameRequest, outlet: Outlet): void {
  const { name, client, resource } = wanted
  if (request.method === 'GET') {
    const totalBytes = sizeOf(resource)
    deps.report({
      name,
      via: 'http',
      client,
      outcome: 'started',
      sentBytes: 0,
      doneBytes: 0,
      totalBytes,
      durationMs: 0,
      reason: undefined
    })
  }
  const cacheControl = 'public, max-age=31536000, immutable'
  const headers = { 'x-accel-redirect': location, 'content-type': resource.mediaType, 'cache-control': cacheControl }
  outlet.begin(200, { ...headers, 'content-length': 0 }, undefined, false)
  outlet.end()
}

/** Anybody else who sends such fields is who the socket says, and gets bytes. */
function isFromProxy({ client: { text = '' } }: Ends, proxy: TrustedProxy | undefined): boolean {
  return proxy?.addresses.includes(text.replace(/^::ffff:/, '')) ?? false
}

/** Undefined unless a proxy says it. */
function told(proxy: TrustedProxy | undefined, { headers }: NameRequest, field: string): End | undefined {
  const value = proxy && headers[field]
  return typeof value === 'string' ? endOf(value) : undefined
}

function send(deps: NameDeps, transfer: Transfer, outlet: Outlet): Soon<void> {
  const { name, client, resource, plan } = transfer
  const startedAt = deps.clock.monotonic()
  const totalBytes = sizeOf(resource)
  let countedBytes = 0
  const tell = (outcome: TransferReport['outcome'], sentBytes: number, reason?: string) => {
    if (plan.start === plan.end) return
    const durationMs = deps.clock.monotonic() - startedAt
    deps.counters.sentBytes += sentBytes - countedBytes
    countedBytes = sentBytes
    const doneBytes = plan.start + sentBytes
    deps.report({ name, via: 'http', client, outcome, doneBytes, totalBytes, sentBytes, durationMs, reason })
  }
  if (plan.start === 0) tell('started', 0)
  return rescue(
    () =>
      whenThere(
        deps.sender.deliver(outlet, plan, resource, (sent) => tell('progress', sent)),
        (delivery) => conclude(tell, transfer, delivery)
      ),
    (error) => {
      deps.log.error({ err: error, name }, 'a file could not be served')
      tell('failed', countedBytes, 'the server could not read the file')
      plain(outlet, 500, 'the server failed')
    }
  )
}

type Tell = (outcome: TransferReport['outcome'], sentBytes: number, reason?: string) => void

function conclude(tell: Tell, { resource, plan }: Transfer, { sentBytes, failure }: Delivery): void {
  if (failure !== undefined) tell('failed', sentBytes, failure)
  // A range that stops before the end is a piece; whoever asked for it goes on.
  else tell(plan.end === sizeOf(resource) ? 'ok' : 'progress', sentBytes)
}

function sizeOf(resource: Resource): number {
  return resource.kind === 'file' ? resource.sizeBytes : resource.body.length
}

/** Nothing encoded, nothing empty, nothing that begins with a dot. */
const USUAL_PATH = /^(?:\/[\w-][\w.:-]*)+$/

/** The name that a path means; undefined for one that can't be any. */
function nameOf(path: string): string | undefined {
  if (USUAL_PATH.test(path)) return path.slice(1)
  const segments = path.split('/').filter((segment) => segment !== '')
  try {
    const decoded = path.includes('%') ? segments.map(decodeURIComponent) : segments
    // A slash or a NUL that had to be encoded, or a way up, is in none of our names.
    const odd = decoded.some((segment) => segment === '.' || segment === '..' || /[/\\\0]/.test(segment))
    return odd || decoded.length === 0 ? undefined : decoded.join('/')
  } catch {
    return undefined // malformed percent-encoding
  }
}

/** The first value of each key. */
function queryOf(query: string): Readonly<Record<string, string>> {
  if (query === '') return {}
  const values: Record<string, string> = Object.create(null)
  const parsed = parse(query)
  for (const key in parsed) {
    const value = parsed[key]
    values[key] = (Array.isArray(value) ? value[0] : value) ?? ''
  }
  return values
}

/** A response that has begun already stays as it is. */
export function plain(outlet: Outlet, status: number, text: string): void {
  if (outlet.status !== undefined) return
  const body = Buffer.from(`${text}\n`)
  outlet.begin(status, { 'content-type': PLAIN, 'content-length': body.length }, body, false)
  outlet.end()
}
