// Addresses that DHCP has promised.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import { formatIpv4, type Ipv4, parseIpv4 } from '../../net/ipv4.ts'
import { present } from '../../state/present.ts'
import { notFound, problems } from '../problem.ts'
import { Ipv4Address, LeaseSchema, list } from '../schema.ts'
import { actorOf, needs } from '../token.ts'

export interface LeaseView {
  readonly address: Ipv4
  readonly mac: string
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  readonly state: 'bound' | 'declined' | 'released'
  readonly expiresAt: number
  readonly updatedAt: number
  readonly pool: string
}

/** What this plugin needs, and no more. */
export interface LeasesDeps {
  readonly leases: {
    list(): Promise<readonly LeaseView[]>
    /** Takes the promise back; false when there is none for this address. */
    remove(address: Ipv4): Promise<boolean>
  }
  readonly audit: { record(actor: string, action: string, target: string): Promise<void> }
}

const tags = ['leases']

export const leaseRoutes: FastifyPluginAsyncTypebox<LeasesDeps> = async (app, { leases, audit }) => {
  app.get(
    '/leases',
    { ...needs('read'), schema: { tags, summary: 'List leases', response: { 200: list(LeaseSchema), ...problems } } },
    async () => (await leases.list()).map(toJson)
  )

  app.delete(
    '/leases/:address',
    {
      ...needs('admin'),
      schema: {
        tags,
        summary: 'Forget a lease',
        params: Type.Object({ address: Ipv4Address }),
        response: { 204: Type.Null(), ...problems }
      }
    },
    async (request, reply) => {
      const { address } = request.params
      const parsed = parseIpv4(address)
      if (parsed === undefined || !(await leases.remove(parsed))) {
        throw notFound('LEASE_NOT_FOUND', `there is no lease of ${address}`)
      }
      await audit.record(actorOf(request), 'lease.remove', address)
      return reply.code(204).send(null)
    }
  )
}

function toJson(lease: LeaseView): Static<typeof LeaseSchema> {
  return present({ ...lease, address: formatIpv4(lease.address) })
}
