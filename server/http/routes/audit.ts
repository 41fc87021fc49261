// Who changed what, and when.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AuditEntry, AuditPage } from '../../state/audit.ts'
import { problems } from '../problem.ts'
import { AuditEntrySchema, list } from '../schema.ts'
import { needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface AuditDeps {
  readonly audit: { list(page: AuditPage): Promise<readonly AuditEntry[]> }
}

export const auditRoutes: FastifyPluginAsyncTypebox<AuditDeps> = async (app, { audit }) => {
  app.get(
    '/audit',
    {
      ...needs('admin'),
      schema: {
        tags: ['audit'],
        summary: 'List changes, newest first',
        querystring: Type.Object(
          {
            before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only entries older than this id' })),
            limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 })
          },
          { additionalProperties: false }
        ),
        response: { 200: list(AuditEntrySchema), ...problems }
      }
    },
    async (request) => {
      const entries = await audit.list(request.query)
      return entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() }))
    }
  )
}
