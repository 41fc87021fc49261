// Named lines of roots.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { Version } from '../../boot/model.ts'
import type { Channel } from '../../state/channels.ts'
import { notFound, problems } from '../problem.ts'
import { ImageName, ImageSchema, list } from '../schema.ts'
import { needs } from '../token.ts'
import { channelJson } from './channels.ts'
import { newestFirst } from './versions.ts'

/** What this plugin needs, and no more. */
export interface ImagesDeps {
  readonly store: { list(): readonly Version[] }
  readonly channels: { list(image: string): readonly Channel[] }
}

const tags = ['images']

export const imageRoutes: FastifyPluginAsyncTypebox<ImagesDeps> = async (app, { store, channels }) => {
  const describe = (name: string, versions: readonly Version[]): Static<typeof ImageSchema> => ({
    name,
    versions: newestFirst(versions).map(({ version }) => version),
    channels: channels.list(name).map(channelJson)
  })

  app.get(
    '/images',
    { ...needs('read'), schema: { tags, summary: 'List images', response: { 200: list(ImageSchema), ...problems } } },
    async () => {
      const byImage = Map.groupBy(store.list(), (version) => version.image)
      return [...byImage].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, versions]) => describe(name, versions))
    }
  )

  app.get(
    '/images/:image',
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'Show an image',
        params: Type.Object({ image: ImageName }),
        response: { 200: ImageSchema, ...problems }
      }
    },
    async (request) => {
      const { image } = request.params
      const versions = store.list().filter((version) => version.image === image)
      if (versions.length === 0) throw notFound('IMAGE_NOT_FOUND', `there is no image ${image}`)
      return describe(image, versions)
    }
  )
}
