// The form that a version is published by: from the content type and the body's first byte to what the store was told.
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { type AdminDeps, buildAdminApp } from '../../../server/http/admin-app.ts'
import type { Token } from '../../../server/state/tokens.ts'
import { broken } from '../../fakes/broken.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeStore } from '../../fakes/image-store.ts'
import { fakeVersion } from '../../fakes/versions.ts'
import { form } from '../../support/form.ts'
import { hold, type Target } from '../engine/target.ts'
import { pieces } from '../spans.ts'

const STATUSES = [201, 400, 409, 413, 415]
const UPLOAD_BYTES = 1000
const TOKEN: Token = { id: '1', name: 'fuzz', scope: 'publish', createdAt: 0, lastUsedAt: undefined }

interface World {
  readonly app: FastifyInstance
  readonly errors: string[]
  store: FakeStore
  published: number
}

/** Built once, for that takes its time; the store behind it is new for each input. */
function oneApp(): World {
  const errors: string[] = []
  const world = { errors, store: new FakeStore(), published: 0 }
  const app = buildAdminApp({
    clock: new FakeClock(),
    log: pino({ level: 'error' }, { write: (line) => errors.push(line) }),
    store: {
      list: () => world.store.list(),
      get: (...name) => world.store.get(...name),
      warnings: (...name) => world.store.warnings(...name),
      remove: (...name) => world.store.remove(...name),
      begin: (...name) => world.store.begin(...name)
    },
    audit: { list: async () => [], record: async () => void world.published++ },
    tokens: { ...broken<AdminDeps['tokens']>(), verify: () => TOKEN },
    boots: broken(),
    inventory: broken(),
    channels: broken(),
    journal: broken(),
    leases: broken(),
    checkDatabase: async () => {},
    unwritable: () => [],
    scrape: async () => '',
    limits: { uploadBytes: UPLOAD_BYTES, requestsPerMinute: Number.MAX_SAFE_INTEGER }
  })
  return Object.assign(world, { app })
}

let built: World | undefined

/** The first byte says in which pieces it comes; the first line is its content type. */
const upload: Target = {
  name: 'http-upload',
  maxBytes: 4096,
  seeds: () => SEEDS,
  spans: (input) => pieces(input, 10, '-'.charCodeAt(0), ';'.charCodeAt(0)),
  async run(input) {
    built ??= oneApp()
    const world = built
    world.store = new FakeStore(fakeVersion('lab', 'old'))
    world.published = 0
    const [chunkBytes = 0] = input
    const lineEnd = input.indexOf('\n')
    const contentType = input.toString('latin1', 1, Math.max(1, lineEnd)).replace(/[^\t -~]/g, '')
    const response = await world.app.inject({
      method: 'POST',
      url: '/api/v1/images/lab/versions',
      headers: { authorization: 'Bearer x', 'content-type': contentType },
      payload: Readable.from(chunks(input.subarray(lineEnd + 1), 1 + chunkBytes))
    })
    await new Promise(setImmediate) // streams let go of one another in a turn of their own
    judge(world, response.statusCode)
  }
}

function judge({ errors, store, published }: World, status: number): void {
  hold(errors.length === 0, `an error was logged: ${errors.splice(0).join(' ')}`)
  hold(STATUSES.includes(status), `answered ${status}`)
  const count = (word: string) => store.told.filter((line) => line.startsWith(word)).length
  hold(count('begin') <= 1 && count('commit') + count('abort') === count('begin'), 'a publication is left behind')
  hold((status === 201) === (published === 1) && published === count('commit'), 'published, or told so, but not both')
}

function* chunks(body: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < body.length; at += bytes) yield body.subarray(at, at + bytes)
}

const FILES = ['kernel', 'initrd', 'layer', 'root'].map((name) => [name, Buffer.alloc(40, name)] as const)
const FORMS = [
  form(['version', '1.0'], ['arguments', 'quiet'], ...FILES, ['notes', 'first\r\n--']),
  form(['version', 'old'], ['kernel', Buffer.alloc(UPLOAD_BYTES + 1)]),
  form(['kernel', 'text'], ['notes', Buffer.from('file')])
]
const SEEDS = FORMS.map(({ headers, payload }) =>
  Buffer.concat([Buffer.from(`\x20${headers['content-type']}\n`), payload])
)

export const targets: readonly Target[] = [upload]
