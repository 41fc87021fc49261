// Boots: which there are, how far each got, and what happens now.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { BootFilter } from '../../boot/journal.ts'
import type { Boot, BootEvent } from '../../boot/model.ts'
import type { Clock } from '../../clock.ts'
import { formatAddress } from '../../net/address.ts'
import { type Mac, parseMac } from '../../net/mac.ts'
import { present } from '../../state/present.ts'
import { EVENT_STREAM_MEDIA_TYPE, EventStream } from '../event-stream.ts'
import { notFound, problems } from '../problem.ts'
import { BootEventSchema, BootSchema, list, MacAddress } from '../schema.ts'
import { needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface BootsDeps {
  readonly clock: Clock
  readonly journal: {
    get(id: string): Promise<Boot | undefined>
    list(filter: BootFilter): Promise<readonly Boot[]>
    events(bootId: string): Promise<readonly BootEvent[]>
  }
  readonly boots: {
    /** @returns what ends it. */
    subscribe(listener: (event: BootEvent) => void): () => void
  }
}

const tags = ['boots']

export const bootRoutes: FastifyPluginAsyncTypebox<BootsDeps> = async (app, { clock, journal, boots }) => {
  const listening = new Set<EventStream>()
  app.addHook('preClose', async () => {
    for (const stream of listening) stream.finish()
  })

  app.get(
    '/boots',
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'List boots, newest first',
        querystring: Type.Object(
          {
            mac: Type.Optional(MacAddress),
            state: Type.Optional(Type.Enum(['booting', 'running', 'failed', 'ended'])),
            limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 })
          },
          { additionalProperties: false }
        ),
        response: { 200: list(BootSchema), ...problems }
      }
    },
    async ({ query: { mac, state, limit } }) => {
      const found = await journal.list({ mac: mac === undefined ? undefined : parseMac(mac), state, limit })
      return found.map(bootJson)
    }
  )

  app.get(
    '/boots/events',
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'What happens in boots, as it happens',
        description: 'Server-sent events called `boot`; the data of each is one boot event as JSON.',
        produces: [EVENT_STREAM_MEDIA_TYPE],
        querystring: Type.Object({ mac: Type.Optional(MacAddress) }, { additionalProperties: false }),
        response: { 200: Type.Unsafe<EventStream>(BootEventSchema), ...problems }
      }
    },
    async (request, reply) => {
      const { mac } = request.query
      const stream = listen(mac === undefined ? undefined : parseMac(mac))
      return reply
        .type(EVENT_STREAM_MEDIA_TYPE)
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(stream)
    }
  )

  app.get(
    '/boots/:id',
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'Show a boot and its timeline',
        params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
        response: { 200: Type.Object({ boot: BootSchema, events: list(BootEventSchema) }), ...problems }
      }
    },
    async ({ params: { id } }) => {
      const boot = await journal.get(id)
      if (!boot) throw notFound('BOOT_NOT_FOUND', `there is no boot ${id}`)
      return { boot: bootJson(boot), events: (await journal.events(id)).map((event) => present(event)) }
    }
  )

  function listen(mac: Mac | undefined): EventStream {
    const stream = new EventStream({ clock })
    const unsubscribe = boots.subscribe((event) => {
      if (mac === undefined || event.mac === mac) stream.tell('boot', present(event))
    })
    listening.add(stream)
    stream.once('close', () => {
      unsubscribe()
      listening.delete(stream)
    })
    return stream
  }
}

function bootJson({ address, ...boot }: Boot): Static<typeof BootSchema> {
  return present({ ...boot, address: address === undefined ? undefined : formatAddress(address) })
}
