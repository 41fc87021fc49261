// Machines that we know.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { Host } from '../../boot/model.ts'
import { formatIpv4, parseIpv4 } from '../../net/ipv4.ts'
import { parseMac } from '../../net/mac.ts'
import { present } from '../../state/present.ts'
import { answerConflicts } from '../conflicts.ts'
import { invalidRequest, notFound, problems } from '../problem.ts'
import { HostSchema, list } from '../schema.ts'
import { readSettings } from '../settings.ts'
import { actorOf, needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface HostsDeps {
  readonly inventory: {
    hosts(): readonly Host[]
    findHost(nameOrMac: string): Host | undefined
    createHost(host: Host, actor: string): Promise<Host>
    replaceHost(nameOrMac: string, host: Host, actor: string): Promise<Host | undefined>
    removeHost(nameOrMac: string, actor: string): Promise<boolean>
  }
}

const params = Type.Object({
  host: Type.String({ maxLength: 64, description: 'Its name, or its MAC in any notation' })
})
const tags = ['hosts']

export const hostRoutes: FastifyPluginAsyncTypebox<HostsDeps> = async (app, { inventory }) => {
  app.get(
    '/hosts',
    { ...needs('read'), schema: { tags, summary: 'List hosts', response: { 200: list(HostSchema), ...problems } } },
    async () => inventory.hosts().map(toJson)
  )

  app.post(
    '/hosts',
    {
      ...needs('admin'),
      schema: { tags, summary: 'Add a host', body: HostSchema, response: { 201: HostSchema, ...problems } }
    },
    async (request, reply) => {
      const host = await answerConflicts(inventory.createHost(fromJson(request.body), actorOf(request)))
      return reply.code(201).header('location', `/api/v1/hosts/${host.name}`).send(toJson(host))
    }
  )

  app.get(
    '/hosts/:host',
    { ...needs('read'), schema: { tags, summary: 'Show a host', params, response: { 200: HostSchema, ...problems } } },
    async (request) => {
      const host = inventory.findHost(request.params.host)
      if (!host) throw noSuchHost(request.params.host)
      return toJson(host)
    }
  )

  app.put(
    '/hosts/:host',
    {
      ...needs('admin'),
      schema: {
        tags,
        summary: 'Replace a host',
        description: 'The body is the whole host; another name in it renames the host.',
        params,
        body: HostSchema,
        response: { 200: HostSchema, ...problems }
      }
    },
    async (request) => {
      const { host: name } = request.params
      const host = await answerConflicts(inventory.replaceHost(name, fromJson(request.body), actorOf(request)))
      if (!host) throw noSuchHost(name)
      return toJson(host)
    }
  )

  app.delete(
    '/hosts/:host',
    {
      ...needs('admin'),
      schema: { tags, summary: 'Forget a host', params, response: { 204: Type.Null(), ...problems } }
    },
    async (request, reply) => {
      if (!(await inventory.removeHost(request.params.host, actorOf(request)))) throw noSuchHost(request.params.host)
      return reply.code(204).send(null)
    }
  )
}

function toJson(host: Host): Static<typeof HostSchema> {
  const { address, ...rest } = host
  return present({ ...rest, address: address === undefined ? undefined : formatIpv4(address) })
}

function fromJson(body: Static<typeof HostSchema>): Host {
  const mac = parseMac(body.mac)
  const address = body.address === undefined ? undefined : parseIpv4(body.address)
  if (mac === undefined) throw invalidRequest([{ field: 'body.mac', message: 'must be a MAC' }])
  if (body.address !== undefined && address === undefined) {
    throw invalidRequest([{ field: 'body.address', message: 'must be an IPv4 address' }])
  }
  return { ...readSettings(body), name: body.name.toLowerCase(), mac, group: body.group, address }
}

function noSuchHost(name: string) {
  return notFound('HOST_NOT_FOUND', `there is no host ${name}`)
}
