// The guarded face: images, channels, hosts, groups, boots, leases, tokens. Built here; listening is the daemon's.
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { TokenVerifier } from './bearer.ts'
import { answerProblems, Problem, sendProblem } from './problem.ts'
import { type AuditDeps, auditRoutes } from './routes/audit.ts'
import { type BootsDeps, bootRoutes } from './routes/boots.ts'
import { type ChannelsDeps, channelRoutes } from './routes/channels.ts'
import { type GroupsDeps, groupRoutes } from './routes/groups.ts'
import { type HealthDeps, healthRoutes } from './routes/health.ts'
import { type HostsDeps, hostRoutes } from './routes/hosts.ts'
import { type ImagesDeps, imageRoutes } from './routes/images.ts'
import { type LeasesDeps, leaseRoutes } from './routes/leases.ts'
import { type MetricsDeps, metricsRoutes } from './routes/metrics.ts'
import { type TokensDeps, tokenRoutes } from './routes/tokens.ts'
import { type VersionsDeps, versionRoutes } from './routes/versions.ts'
import { guard } from './token.ts'
import { MAX_FIELD_BYTES } from './upload.ts'
import { compileValidator } from './validation.ts'

/** Everything that the routes need between them. */
export type AdminDeps = AuditDeps &
  BootsDeps &
  ChannelsDeps &
  GroupsDeps &
  HealthDeps &
  HostsDeps &
  ImagesDeps &
  LeasesDeps &
  MetricsDeps &
  TokensDeps &
  VersionsDeps & {
    readonly tokens: TokenVerifier
    readonly log: FastifyBaseLogger
    readonly limits?: AdminLimits
  }

export interface AdminLimits {
  /** Of one file of a version; without it only the disk is the limit. */
  readonly uploadBytes?: number
  /** How long an upload may last in all. */
  readonly uploadMs?: number
  /** From one address. */
  readonly requestsPerMinute?: number
}

const JSON_BODY_BYTES = 1 << 20
const REQUESTS_PER_MINUTE = 3_000

export function buildAdminApp(deps: AdminDeps): FastifyInstance {
  const app = fastify({
    loggerInstance: deps.log,
    bodyLimit: JSON_BODY_BYTES,
    frameworkErrors: sendProblem
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(compileValidator)
  app.removeContentTypeParser('text/plain')
  answerProblems(app)
  app.register(rateLimit, rateLimitOptions(deps.limits))
  app.register(multipart, multipartOptions(deps.limits))
  app.register(swagger, { openapi: OPENAPI })
  app.register(swaggerUi, { routePrefix: '/documentation' })
  app.register(healthRoutes, deps)
  app.register(async (scraped) => {
    guard(scraped, deps.tokens)
    scraped.register(metricsRoutes, deps)
  })
  app.register(async (api) => addGuardedRoutes(api, deps), { prefix: '/api/v1' })
  return app
}

function addGuardedRoutes(app: FastifyInstance, deps: AdminDeps): void {
  guard(app, deps.tokens)
  answerProblems(app)
  app.register(imageRoutes, deps)
  app.register(versionRoutes, { ...deps, uploadMs: deps.limits?.uploadMs })
  app.register(channelRoutes, deps)
  app.register(hostRoutes, deps)
  app.register(groupRoutes, deps)
  app.register(bootRoutes, deps)
  app.register(leaseRoutes, deps)
  app.register(tokenRoutes, deps)
  app.register(auditRoutes, deps)
}

function rateLimitOptions(limits: AdminLimits | undefined) {
  return {
    max: limits?.requestsPerMinute ?? REQUESTS_PER_MINUTE,
    timeWindow: 60_000,
    errorResponseBuilder: () =>
      new Problem(429, 'TOO_MANY_REQUESTS', 'too many requests from this address: wait a little')
  }
}

function multipartOptions(limits: AdminLimits | undefined) {
  return {
    limits: {
      fieldNameSize: 64,
      fieldSize: MAX_FIELD_BYTES,
      fields: 128,
      files: 64,
      fileSize: limits?.uploadBytes ?? Number.POSITIVE_INFINITY,
      headerPairs: 16
    }
  }
}

const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'rootcast',
    description: 'Images, channels, hosts and boots of diskless machines.',
    version: '1'
  },
  components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
  security: [{ token: [] }]
}
