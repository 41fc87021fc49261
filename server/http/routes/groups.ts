// Hosts that share settings.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Group } from '../../boot/model.ts'
import { present } from '../../state/present.ts'
import { answerConflicts } from '../conflicts.ts'
import { invalidRequest, notFound, problems } from '../problem.ts'
import { GroupName, GroupSchema, list } from '../schema.ts'
import { readGroup } from '../settings.ts'
import { actorOf, needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface GroupsDeps {
  readonly inventory: {
    groups(): readonly Group[]
    group(name: string): Group | undefined
    createGroup(group: Group, actor: string): Promise<Group>
    replaceGroup(group: Group, actor: string): Promise<Group | undefined>
    removeGroup(name: string, actor: string): Promise<boolean>
  }
}

const params = Type.Object({ group: GroupName })
const tags = ['groups']

export const groupRoutes: FastifyPluginAsyncTypebox<GroupsDeps> = async (app, { inventory }) => {
  app.get(
    '/groups',
    { ...needs('read'), schema: { tags, summary: 'List groups', response: { 200: list(GroupSchema), ...problems } } },
    async () => inventory.groups().map((group) => present(group))
  )

  app.post(
    '/groups',
    {
      ...needs('admin'),
      schema: { tags, summary: 'Add a group', body: GroupSchema, response: { 201: GroupSchema, ...problems } }
    },
    async (request, reply) => {
      const group = await answerConflicts(inventory.createGroup(readGroup(request.body), actorOf(request)))
      return reply.code(201).header('location', `/api/v1/groups/${group.name}`).send(present(group))
    }
  )

  app.get(
    '/groups/:group',
    {
      ...needs('read'),
      schema: { tags, summary: 'Show a group', params, response: { 200: GroupSchema, ...problems } }
    },
    async (request) => {
      const group = inventory.group(request.params.group)
      if (!group) throw noSuchGroup(request.params.group)
      return present(group)
    }
  )

  app.put(
    '/groups/:group',
    {
      ...needs('admin'),
      schema: {
        tags,
        summary: 'Replace a group',
        params,
        body: GroupSchema,
        response: { 200: GroupSchema, ...problems }
      }
    },
    async (request) => {
      const { group: name } = request.params
      if (request.body.name !== name) {
        // Its hosts refer to it by name.
        throw invalidRequest([{ field: 'body.name', message: `must be ${name}: a group keeps its name` }])
      }
      const group = await inventory.replaceGroup(readGroup(request.body), actorOf(request))
      if (!group) throw noSuchGroup(name)
      return present(group)
    }
  )

  app.delete(
    '/groups/:group',
    {
      ...needs('admin'),
      schema: { tags, summary: 'Forget a group', params, response: { 204: Type.Null(), ...problems } }
    },
    async (request, reply) => {
      const { group } = request.params
      if (!(await answerConflicts(inventory.removeGroup(group, actorOf(request))))) throw noSuchGroup(group)
      return reply.code(204).send(null)
    }
  )
}

function noSuchGroup(name: string) {
  return notFound('GROUP_NOT_FOUND', `there is no group ${name}`)
}
