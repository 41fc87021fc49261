// Promoting a version is moving a channel: it changes what the next boot gets, and nothing already running.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { ChannelMove, ChannelRef } from '../../state/channel-moves.ts'
import type { Channel } from '../../state/channels.ts'
import { present } from '../../state/present.ts'
import { answerConflicts } from '../conflicts.ts'
import { notFound, problems } from '../problem.ts'
import { ChannelMoveSchema, ChannelName, ChannelSchema, ImageName, list, VersionName } from '../schema.ts'
import { actorOf, needs } from '../token.ts'

/** What this plugin needs, and no more. */
export interface ChannelsDeps {
  readonly channels: {
    get(ref: ChannelRef): Channel | undefined
    list(image: string): readonly Channel[]
    history(ref: ChannelRef): Promise<readonly ChannelMove[]>
    move(ref: ChannelRef, version: string, actor: string): Promise<Channel>
    rollback(ref: ChannelRef, actor: string): Promise<Channel | undefined>
    remove(ref: ChannelRef, actor: string): Promise<boolean>
  }
}

const ofImage = Type.Object({ image: ImageName })
const params = Type.Object({ image: ImageName, channel: ChannelName })
const tags = ['channels']
const PATH = '/images/:image/channels/:channel'

export const channelRoutes: FastifyPluginAsyncTypebox<ChannelsDeps> = async (app, { channels }) => {
  app.get(
    '/images/:image/channels',
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'List the channels of an image',
        params: ofImage,
        response: { 200: list(ChannelSchema), ...problems }
      }
    },
    async (request) => channels.list(request.params.image).map(channelJson)
  )

  app.get(
    PATH,
    {
      ...needs('read'),
      schema: { tags, summary: 'Show a channel', params, response: { 200: ChannelSchema, ...problems } }
    },
    async (request) => {
      const channel = channels.get(request.params)
      if (!channel) throw noSuchChannel(request.params)
      return channelJson(channel)
    }
  )

  app.put(
    PATH,
    {
      ...needs('publish'),
      schema: {
        tags,
        summary: 'Promote: point a channel, new or not, at a version',
        params,
        body: Type.Object({ version: VersionName }, { additionalProperties: false }),
        response: { 200: ChannelSchema, ...problems }
      }
    },
    async (request) => {
      const moved = await answerConflicts(channels.move(request.params, request.body.version, actorOf(request)))
      request.log.info({ ...request.params, version: moved.version }, 'channel moved')
      return channelJson(moved)
    }
  )

  app.post(
    `${PATH}/rollback`,
    {
      ...needs('publish'),
      schema: {
        tags,
        summary: 'Roll back: move a channel to where it was before',
        description: 'Again: further back. Versions that were deleted meanwhile are passed over.',
        params,
        response: { 200: ChannelSchema, ...problems }
      }
    },
    async (request) => {
      const moved = await answerConflicts(channels.rollback(request.params, actorOf(request)))
      if (!moved) throw noSuchChannel(request.params)
      request.log.info({ ...request.params, version: moved.version }, 'channel rolled back')
      return channelJson(moved)
    }
  )

  app.get(
    `${PATH}/history`,
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'Who moved a channel, from where to where, and when; newest first',
        params,
        response: { 200: list(ChannelMoveSchema), ...problems }
      }
    },
    async (request) => {
      const moves = await channels.history(request.params)
      if (moves.length === 0) throw noSuchChannel(request.params)
      return moves.map(moveJson)
    }
  )

  app.delete(
    PATH,
    {
      ...needs('publish'),
      schema: { tags, summary: 'Remove a channel', params, response: { 204: Type.Null(), ...problems } }
    },
    async (request, reply) => {
      if (!(await channels.remove(request.params, actorOf(request)))) throw noSuchChannel(request.params)
      return reply.code(204).send(null)
    }
  )
}

export function channelJson({ image, channel, version, movedAt }: Channel): Static<typeof ChannelSchema> {
  return { image, channel, version, movedAt: new Date(movedAt).toISOString() }
}

function moveJson({ at, ...move }: ChannelMove): Static<typeof ChannelMoveSchema> {
  return present({ ...move, at: new Date(at).toISOString() })
}

function noSuchChannel({ image, channel }: ChannelRef) {
  return notFound('CHANNEL_NOT_FOUND', `image ${image} has no channel ${channel}`)
}
