// Immutable builds of an image: published whole or not at all, deleted only when nothing uses them.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import type { Version } from '../../boot/model.ts'
import type { Clock } from '../../clock.ts'
import { PublishError } from '../../image/errors.ts'
import type { IncomingMessage } from '../../node-http.ts'
import { Conflict } from '../../state/conflict.ts'
import { answerConflicts } from '../conflicts.ts'
import { notFound, Problem, problems } from '../problem.ts'
import type { Publication, Publisher } from '../publication.ts'
import { ImageName, list, VersionName, VersionSchema } from '../schema.ts'
import { actorOf, needs } from '../token.ts'
import { receiveVersion, UploadSchema } from '../upload.ts'
import { compileValidator } from '../validation.ts'

/** What this plugin needs, and no more. */
export interface VersionsDeps {
  readonly clock: Clock
  readonly store: Publisher & {
    list(): readonly Version[]
    get(image: string, version: string): Version | undefined
    warnings(image: string, version: string): readonly string[]
    remove(image: string, version: string): Promise<void>
  }
  readonly channels: {
    /** Names of channels at this version. */
    at(image: string, version: string): readonly string[]
    holdStill<T>(work: () => Promise<T>): Promise<T>
  }
  readonly inventory: { pinning(image: string, version: string): readonly string[] }
  readonly boots: {
    /** Ids of boots that still need it. */
    inUse(image: string, version: string): readonly string[]
  }
  /** How long an upload may last in all; without it, as long as bytes come. */
  readonly uploadMs?: number | undefined
  readonly audit: { record(actor: string, action: string, target: string, details?: object): Promise<void> }
}

const ofImage = Type.Object({ image: ImageName })
const params = Type.Object({ image: ImageName, version: VersionName })
const tags = ['versions']
const PATH = '/images/:image/versions'
const MAX_VERSIONS_PER_MINUTE = 100
const TAKEN = ['VERSION_EXISTS', 'VERSION_BEING_PUBLISHED']

export const versionRoutes: FastifyPluginAsyncTypebox<VersionsDeps> = async (app, deps) => {
  const { store, audit } = deps
  const describe = (version: Version): Static<typeof VersionSchema> => ({
    ...version,
    warnings: store.warnings(version.image, version.version)
  })

  app.get(
    PATH,
    {
      ...needs('read'),
      schema: {
        tags,
        summary: 'List the versions of an image, newest first',
        params: ofImage,
        response: { 200: list(VersionSchema), ...problems }
      }
    },
    async (request) => {
      const versions = store.list().filter((version) => version.image === request.params.image)
      if (versions.length === 0) throw notFound('IMAGE_NOT_FOUND', `there is no image ${request.params.image}`)
      return newestFirst(versions).map(describe)
    }
  )

  app.post(
    PATH,
    {
      ...needs('publish'),
      schema: {
        tags,
        summary: 'Publish a version; nothing boots it before a channel is moved to it',
        description:
          'The fields come in any order, but `version` before the files: they stream into the store under its name. ' +
          'Without it the version is called after the minute, like 2026.11.21-0142 (UTC).',
        consumes: ['multipart/form-data'],
        params: ofImage,
        body: UploadSchema,
        response: { 201: VersionSchema, ...problems }
      },
      // The form is read part by part in the handler: there never is a body to validate.
      validatorCompiler: (part) => (part.httpPart === 'body' ? () => true : compileValidator(part))
    },
    async (request, reply) => {
      if (!request.isMultipart()) {
        throw new Problem(415, 'UNSUPPORTED_MEDIA_TYPE', 'a version is sent as multipart/form-data')
      }
      const { image } = request.params
      endInTime(request.raw, deps)
      try {
        const version = await receiveVersion(request.parts(), (name) => begin(deps, image, name))
        await audit.record(actorOf(request), 'version.publish', `${image}/${version.version}`, {
          digest: version.digest
        })
        request.log.info({ image, version: version.version }, 'version published')
        return reply
          .code(201)
          .header('location', `/api/v1/images/${image}/versions/${version.version}`)
          .send(describe(version))
      } catch (error) {
        // A client that is still sending reads the answer only when it is done: take the rest, and drop it.
        request.raw.unpipe()
        request.raw.resume()
        throw error
      }
    }
  )

  app.get(
    `${PATH}/:version`,
    {
      ...needs('read'),
      schema: { tags, summary: 'Show a version', params, response: { 200: VersionSchema, ...problems } }
    },
    async ({ params: { image, version } }) => {
      const found = store.get(image, version)
      if (!found) throw noSuchVersion(image, version)
      return describe(found)
    }
  )

  app.delete(
    `${PATH}/:version`,
    {
      ...needs('publish'),
      schema: {
        tags,
        summary: 'Delete a version that nothing uses',
        params,
        response: { 204: Type.Null(), ...problems }
      }
    },
    async (request, reply) => {
      const { image, version } = request.params
      await answerConflicts(remove(deps, image, version))
      await audit.record(actorOf(request), 'version.remove', `${image}/${version}`)
      request.log.info({ image, version }, 'version deleted')
      return reply.code(204).send(null)
    }
  )
}

/** Whatever has become of it: also what is only read to be dropped has an end. */
function endInTime(upload: IncomingMessage, { clock, uploadMs }: VersionsDeps): void {
  if (uploadMs === undefined) return
  const deadline = clock.after(uploadMs, () => upload.destroy())
  upload.once('close', () => deadline.cancel())
}

/** Without a name a version is called after the minute, and numbered where that is taken. */
async function begin({ store, clock }: VersionsDeps, image: string, name: string | undefined): Promise<Publication> {
  if (name !== undefined) return store.begin(image, name)
  const minute = versionOfMinute(clock.now())
  for (let n = 1; n <= MAX_VERSIONS_PER_MINUTE; n++) {
    try {
      return await store.begin(image, n === 1 ? minute : `${minute}.${n}`)
    } catch (error) {
      const taken = error instanceof PublishError && TAKEN.some((code) => code === error.code)
      if (!taken) throw error
    }
  }
  throw new Problem(429, 'TOO_MANY_VERSIONS', 'too many versions were published in this minute: name this one')
}

/** `2026.11.21-0142`, UTC. */
function versionOfMinute(now: number): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T')
  return `${date.replaceAll('-', '.')}-${time.slice(0, 5).replace(':', '')}`
}

/** No channel may move to it between the look and the leap. */
function remove(deps: VersionsDeps, image: string, version: string): Promise<void> {
  const { store, channels, inventory, boots } = deps
  return channels.holdStill(async () => {
    if (!store.get(image, version)) throw noSuchVersion(image, version)
    const users = [
      ...channels.at(image, version).map((channel) => `channel ${channel}`),
      ...inventory.pinning(image, version),
      ...boots.inUse(image, version).map((id) => `boot ${id}`)
    ]
    if (users.length > 0) {
      throw new Conflict('VERSION_IN_USE', `${image} ${version} is used by ${users.join(', ')}`, users)
    }
    await store.remove(image, version)
  })
}

export function newestFirst(versions: readonly Version[]): Version[] {
  return versions.toSorted((a, b) => (a.publishedAt < b.publishedAt ? 1 : -1))
}

function noSuchVersion(image: string, version: string): Problem {
  return notFound('VERSION_NOT_FOUND', `image ${image} has no version ${version}`)
}
