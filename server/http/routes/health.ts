// Whether the daemon can do its work, for whoever restarts it. Asks for no token, and tells nothing else.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { problems } from '../problem.ts'

/** What this plugin needs, and no more. */
export interface HealthDeps {
  /** Rejects when the database can't be read. */
  readonly checkDatabase: () => Promise<void>
  /** Settings of directories that can't be written to. */
  readonly unwritable: () => Iterable<string>
}

const HealthSchema = Type.Object({
  status: Type.Enum(['ok', 'degraded']),
  unwritable: Type.Array(Type.String(), { description: 'What can not be written to, by its setting: `stateDir`' })
})

export const healthRoutes: FastifyPluginAsyncTypebox<HealthDeps> = async (app, { checkDatabase, unwritable }) => {
  app.get(
    '/healthz',
    {
      schema: {
        tags: ['health'],
        summary: 'Whether the daemon is well',
        security: [],
        description:
          '200 for as long as machines are served: a full disk is no reason to start it again, so `degraded` is 200 too.',
        response: { 200: HealthSchema, ...problems }
      }
    },
    async () => {
      await checkDatabase()
      const settings = [...unwritable()]
      return { status: settings.length === 0 ? ('ok' as const) : ('degraded' as const), unwritable: settings }
    }
  )
}
