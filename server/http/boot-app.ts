// The open face: every name of the resolver by GET and HEAD, and check-ins. Built here; listening is the daemon's.
import { type IncomingMessage } from 'node:http'
import rateLimit from '@fastify/rate-limit'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController
} from 'fastify'
import { type Boots } from '../boot/boots.ts'
import { CHECKIN_LENGTH } from '../boot/checkin.ts'
import { IPXE_SCRIPT } from '../boot/loader.ts'
import { type Resolve, type Resource, type TransferReport } from '../boot/model.ts'
import { type Clock } from '../clock.ts'
import { type Address, parseAddress } from '../net/address.ts'
import { countRequests, type HttpCounters } from './counters.ts'
import { planResponse, type ResponsePlan } from './response-plan.ts'
import { type Delivery, deliver, representationOf } from './serve-file.ts'

export interface BootAppDeps {
  readonly resolve: Resolve
  readonly boots: Pick<Boots, 'checkIn'>
  readonly report: (report: TransferReport) => void
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly limits?: BootAppLimits
  /** Where requests are counted. */
  readonly counters: HttpCounters
  /** The seconds from a request's headers to the end of its answer. */
  readonly onAnswered?: (seconds: number) => void
}

export interface BootAppLimits {
  /** From one address. */
  readonly checkInsPerMinute?: number
  /** From one address: each may begin a boot. */
  readonly scriptsPerMinute?: number
}

const CHECKINS_PER_MINUTE = 600
const SCRIPTS_PER_MINUTE = 120
/** A connection on which nothing moves for so long is closed: a machine that was switched off says nothing. */
const IDLE_MS = 60_000
const KEEP_ALIVE_MS = 10_000
const REQUEST_MS = 30_000
const CONNECTIONS = 8_192
const PLAIN = 'text/plain; charset=utf-8'

export function buildBootApp(deps: BootAppDeps): FastifyInstance {
  const app = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: CHECKIN_LENGTH,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    exposeHeadRoutes: false,
    // UEFI's Host header lacks the port and some loaders send none: it is never looked at.
    http: { requireHostHeader: false },
    rewriteUrl: originForm,
    frameworkErrors: (_error, _request, reply) => plain(reply, 400, 'bad request')
  })
  app.server.maxConnections = CONNECTIONS
  countRequests(app.server, deps)
  app.setNotFoundHandler((_request, reply) => plain(reply, 404, 'not found'))
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
  // Busybox's wget and curl call a body what they like; it is plain text here.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))

  app.register(rateLimit, { global: false })
  app.register(async (routes) => {
    const { limits } = deps
    const script = { rateLimit: { max: limits?.scriptsPerMinute ?? SCRIPTS_PER_MINUTE, timeWindow: '1 minute' } }
    const checkIn = { rateLimit: { max: limits?.checkInsPerMinute ?? CHECKINS_PER_MINUTE, timeWindow: '1 minute' } }
    const serve = (request: FastifyRequest, reply: FastifyReply) => serveName(deps, request, reply)
    routes.route({ method: ['GET', 'HEAD'], url: `/${IPXE_SCRIPT}`, config: script, handler: serve })
    routes.route({ method: ['GET', 'HEAD'], url: '/*', handler: serve })
    routes.post<{ Params: { id: string } }>('/boots/:id/checkins', { config: checkIn }, (request, reply) => {
      const body = typeof request.body === 'string' ? request.body : ''
      switch (deps.boots.checkIn(request.params.id, body)) {
        case 'ok':
          return reply.code(204).send()
        case 'unknown-boot':
          return plain(reply, 404, 'no such boot')
        case 'malformed':
          return plain(reply, 400, 'malformed check-in')
      }
    })
  })
  return app
}

async function serveName(deps: BootAppDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const name = nameOf(request.url)
  const { socket } = request.raw
  const client = addressOf(socket.remoteAddress)
  const resource =
    name === undefined
      ? undefined
      : await deps.resolve({
          name,
          query: queryOf(request.query),
          via: 'http',
          client,
          server: addressOf(socket.localAddress)
        })
  if (name === undefined || resource === undefined) return plain(reply, 404, 'not found')
  const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
  const plan = planResponse(method, request.headers, representationOf(resource))
  await send(deps, { name, client, resource, plan }, reply)
  return reply
}

interface Transfer {
  readonly name: string
  readonly client: Address | undefined
  readonly resource: Resource
  readonly plan: ResponsePlan
}

async function send(deps: BootAppDeps, transfer: Transfer, reply: FastifyReply): Promise<void> {
  const { resource, plan } = transfer
  const startedAt = deps.clock.monotonic()
  let countedBytes = 0
  const tell = (outcome: TransferReport['outcome'], sentBytes: number, reason?: string) => {
    if (plan.start === plan.end) return
    deps.counters.sentBytes += sentBytes - countedBytes
    countedBytes = sentBytes
    deps.report({
      name: transfer.name,
      via: 'http',
      client: transfer.client,
      outcome,
      doneBytes: plan.start + sentBytes,
      totalBytes: resource.kind === 'file' ? resource.sizeBytes : resource.body.length,
      durationMs: deps.clock.monotonic() - startedAt,
      reason
    })
  }
  if (plan.start === 0) tell('started', 0)
  // From here on the bytes go straight to the socket.
  reply.hijack()
  try {
    conclude(tell, transfer, await deliver(reply.raw, plan, resource, deps.clock, (sent) => tell('progress', sent)))
  } catch (error) {
    reply.log.error({ err: error, name: transfer.name }, 'a file could not be served')
    tell('failed', 0, 'the server could not read the file')
    if (!reply.raw.headersSent) reply.raw.writeHead(500, { 'content-length': 0 }).end()
  }
}

type Tell = (outcome: TransferReport['outcome'], sentBytes: number, reason?: string) => void

function conclude(tell: Tell, { resource, plan }: Transfer, { sentBytes, failure }: Delivery): void {
  if (failure !== undefined) {
    tell('failed', sentBytes, failure)
    return
  }
  const size = resource.kind === 'file' ? resource.sizeBytes : resource.body.length
  // A range that stops before the end is a piece; whoever asked for it goes on.
  tell(plan.end === size ? 'ok' : 'progress', sentBytes)
}

/** The name that a path means; undefined for one that can't be any. */
function nameOf(url: string): string | undefined {
  const [path = ''] = url.split('?', 1)
  const segments = path.split('/').filter((segment) => segment !== '')
  try {
    const decoded = segments.map(decodeURIComponent)
    // A slash or a NUL that had to be encoded, or a way up, is in none of our names.
    const odd = decoded.some((segment) => segment === '.' || segment === '..' || /[/\\\0]/.test(segment))
    return odd || decoded.length === 0 ? undefined : decoded.join('/')
  } catch {
    return undefined // malformed percent-encoding
  }
}

function queryOf(query: unknown): Readonly<Record<string, string>> {
  if (typeof query !== 'object' || query === null) return {}
  return Object.fromEntries(
    Object.entries(query).flatMap(([key, value]) => {
      const first: unknown = Array.isArray(value) ? value[0] : value
      return typeof first === 'string' ? [[key, first]] : []
    })
  )
}

function addressOf(address: string | undefined): Address | undefined {
  return address === undefined ? undefined : parseAddress(address)
}

/** RFC 9112 §3.2.2: a server must accept the whole URL as a request's target. */
function originForm(request: IncomingMessage): string {
  const target = request.url ?? '/'
  const path = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1]
  if (path === undefined) return target
  return path.startsWith('/') ? path : `/${path}`
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error)
  if (status < 500) return plain(reply, status, status === 429 ? 'too many requests' : 'bad request')
  request.log.error({ err: error, url: request.url }, 'a request failed')
  return plain(reply, 500, 'the server failed')
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500
}

function plain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type(PLAIN).send(`${text}\n`)
}
