// Whether the daemon can do its work, for whoever restarts it. Asks for no token, and tells nothing else.
import { type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { problems } from '../problem.ts'

/** What this plugin needs, and no more. */
export interface HealthDeps {
  /** Rejects when the database can't be read. */
  readonly checkDatabase: () => Promise<void>
}

export const healthRoutes: FastifyPluginAsyncTypebox<HealthDeps> = async (app, { checkDatabase }) => {
  app.get(
    '/healthz',
    {
      schema: {
        tags: ['health'],
        summary: 'Whether the daemon is well',
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }), ...problems }
      }
    },
    async () => {
      await checkDatabase()
      return { status: 'ok' as const }
    }
  )
}
