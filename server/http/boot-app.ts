// The routes of the open face: every name of the resolver by GET and HEAD, and check-ins. What a name is answered with
// stands in serve-name.ts; connections and addresses are those of boot-face.ts.

import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController
} from 'fastify'
import type { Boots } from '../boot/boots.ts'
import { CHECKIN_LENGTH } from '../boot/checkin.ts'
import type { Clock } from '../clock.ts'
import type { IncomingMessage } from '../node-http.ts'
import type { Soon } from '../soon.ts'
import { type Ends, endsOf } from './ends.ts'
import { type Outlet, ResponseOutlet } from './outlet.ts'
import { PerMinute } from './per-minute.ts'
import { type NameRequest, PLAIN } from './serve-name.ts'

export interface BootAppDeps {
  readonly boots: Pick<Boots, 'checkIn'>
  readonly serveName: (request: NameRequest, ends: Ends, outlet: Outlet) => Soon<void>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  /** From one address. */
  readonly checkInsPerMinute: number
}

export function buildBootApp(deps: BootAppDeps): FastifyInstance {
  const app = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: CHECKIN_LENGTH,
    // There are no schemas here: without this, the compilers for them would be loaded all the same.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    exposeHeadRoutes: false,
    rewriteUrl: originForm,
    frameworkErrors: (_error, _request, reply) => text(reply, 400, 'bad request')
  })
  app.setNotFoundHandler((_request, reply) => text(reply, 404, 'not found'))
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
  // Busybox's wget and curl call a body what they like; it is plain text here.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))

  app.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    handler: async (request, reply) => {
      // From here on the bytes go straight to the socket.
      reply.hijack()
      await deps.serveName(nameRequestOf(request), endsOf(request.raw.socket), new ResponseOutlet(reply.raw))
    }
  })
  const perMinute = new PerMinute(deps.checkInsPerMinute, deps.clock)
  app.post<{ Params: { id: string } }>('/boots/:id/checkins', (request, reply) => {
    if (!perMinute.allows(request.ip)) return text(reply, 429, 'too many requests')
    const body = typeof request.body === 'string' ? request.body : ''
    switch (deps.boots.checkIn(request.params.id, body)) {
      case 'ok':
        return reply.code(204).send()
      case 'unknown-boot':
        return text(reply, 404, 'no such boot')
      case 'malformed':
        return text(reply, 400, 'malformed check-in')
    }
  })
  return app
}

function noSchemas(): never {
  throw new Error('a route of the boot face has a schema')
}

function nameRequestOf({ method, url, raw }: FastifyRequest): NameRequest {
  return { method: method === 'HEAD' ? 'HEAD' : 'GET', target: url, headers: raw.headers }
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
  if (status < 500) return text(reply, status, 'bad request')
  request.log.error({ err: error, url: request.url }, 'a request failed')
  return text(reply, 500, 'the server failed')
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500
}

function text(reply: FastifyReply, status: number, words: string): FastifyReply {
  return reply.code(status).type(PLAIN).send(`${words}\n`)
}
