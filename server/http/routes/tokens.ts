// Who may use this API.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import { present } from '../../state/present.ts'
import type { Scope, Token } from '../../state/tokens.ts'
import { answerConflicts } from '../conflicts.ts'
import { notFound, problems } from '../problem.ts'
import { CreatedTokenSchema, list, NewTokenSchema, TokenSchema } from '../schema.ts'
import { actorOf, needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface TokensDeps {
  readonly tokens: {
    list(): readonly Token[]
    create(name: string, scope: Scope, actor: string): Promise<{ readonly token: Token; readonly secret: string }>
    remove(id: string, actor: string): Promise<boolean>
  }
}

const tags = ['tokens']

export const tokenRoutes: FastifyPluginAsyncTypebox<TokensDeps> = async (app, { tokens }) => {
  app.get(
    '/tokens',
    { ...needs('admin'), schema: { tags, summary: 'List tokens', response: { 200: list(TokenSchema), ...problems } } },
    async () => tokens.list().map(toJson)
  )

  app.post(
    '/tokens',
    {
      ...needs('admin'),
      schema: {
        tags,
        summary: 'Make a token; its secret is in this answer only',
        body: NewTokenSchema,
        response: { 201: CreatedTokenSchema, ...problems }
      }
    },
    async (request, reply) => {
      const { name, scope } = request.body
      const { token, secret } = await tokens.create(name, scope, actorOf(request))
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...toJson(token), token: secret })
    }
  )

  app.delete(
    '/tokens/:id',
    {
      ...needs('admin'),
      schema: {
        tags,
        summary: 'Revoke a token',
        params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
        response: { 204: Type.Null(), ...problems }
      }
    },
    async (request, reply) => {
      const { id } = request.params
      const removed = await answerConflicts(tokens.remove(id, actorOf(request)))
      if (!removed) throw notFound('TOKEN_NOT_FOUND', 'there is no token with this id')
      return reply.code(204).send(null)
    }
  )
}

function toJson({ createdAt, lastUsedAt, ...token }: Token): Static<typeof TokenSchema> {
  return present({
    ...token,
    createdAt: new Date(createdAt).toISOString(),
    lastUsedAt: lastUsedAt === undefined ? undefined : new Date(lastUsedAt).toISOString()
  })
}
