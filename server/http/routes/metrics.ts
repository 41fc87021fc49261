// What a Prometheus scrapes, at the path where scrapers look for it.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { type Format, MEDIA_TYPES } from '../../metrics/exposition.ts'
import { problems } from '../problem.ts'
import { needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface MetricsDeps {
  readonly scrape: (format: Format) => Promise<string>
}

export const metricsRoutes: FastifyPluginAsyncTypebox<MetricsDeps> = async (app, { scrape }) => {
  app.get(
    '/metrics',
    {
      ...needs('metrics'),
      schema: {
        tags: ['metrics'],
        summary: 'What Prometheus scrapes',
        description: 'The Prometheus text format 0.0.4; OpenMetrics 1.0 for who asks for it.',
        response: {
          200: {
            description: 'The metrics',
            content: {
              'text/plain': { schema: Type.String() },
              'application/openmetrics-text': { schema: Type.String() }
            }
          },
          ...problems
        }
      }
    },
    async (request, reply) => {
      const format = request.headers.accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus'
      return reply.type(MEDIA_TYPES[format]).send(await scrape(format))
    }
  )
}
