// Whatever is asked for, the resolver finds what it has by that very name, or nothing; it never throws.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { MalformedCheckIn, parseCheckIn } from '../../server/boot/checkin.ts'
import type { Resource } from '../../server/boot/model.ts'
import { createResolver } from '../../server/boot/names.ts'
import { BootFace } from '../../server/http/boot-face.ts'
import { newHttpCounters } from '../../server/http/counters.ts'
import { bootWorld, CLIENT, SERVER } from '../fakes/boot-world.ts'
import { FakeClock } from '../fakes/clock.ts'

const FILE = { path: '/loader', sizeBytes: 1, modifiedAt: 0 }
const segment = fc.oneof(
  fc.constantFrom('..', '.', '', 'boots', 'blobs', 'sha256', 'layers', 'pxelinux.cfg', 'grub', 'grub.cfg', 'etc'),
  fc.constantFrom('a'.repeat(64), 'boot.ipxe', 'shimx64.efi', '%2e%2e', '..%2f', '\0', '\\', '~', 'x'.repeat(300)),
  fc.constantFrom('__proto__', 'constructor', 'hasOwnProperty', '01-52-54-00-12-34-56', 'C0A84D32', 'default'),
  fc.string({ unit: 'binary', maxLength: 8 })
)
const name = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join('/'))

function resolver() {
  const asked: string[] = []
  const { boots, store } = bootWorld()
  const resolve = createResolver({
    boots,
    loaders: new Map([['shimx64.efi', FILE]]),
    blob: async (digest) => {
      asked.push(digest)
      return undefined
    }
  })
  return { resolve, asked, store }
}

t.test('a name is found or not, and only digests reach the store', async (t) => {
  const { resolve, asked } = resolver()
  const query = fc.dictionary(fc.constantFrom('mac', 'uuid', 'arch', 'platform', '__proto__'), fc.string())
  await fc.assert(
    fc.asyncProperty(name, query, async (wanted, facts) => {
      const found = await resolve({ name: wanted, query: facts, via: 'http', client: CLIENT, server: SERVER })
      return found?.kind !== 'file' || (wanted === 'shimx64.efi' && found.path === FILE.path)
    }),
    { numRuns: 3_000 }
  )
  t.ok(asked.every((digest) => /^sha256:[0-9a-f]{64}$/.test(digest)))
})

t.test('a name with a way up in it is none', async () => {
  const { resolve, store } = resolver()
  const before = store.journal.length
  await fc.assert(
    fc.asyncProperty(name, name, async (head, tail) => {
      const wanted = `${head}/../${tail}`
      return (await resolve({ name: wanted, query: {}, via: 'tftp', client: CLIENT, server: SERVER })) === undefined
    }),
    { numRuns: 2_000 }
  )
  t.equal(store.journal.length, before)
})

t.test('over HTTP, any path is answered, and never by a failure of ours', async (t) => {
  const { resolve } = resolver()
  const served: string[] = []
  const text: Resource = { kind: 'text', body: Buffer.from('x'), mediaType: 'text/plain' }
  const face = await BootFace.create({
    resolve: async (asked) => {
      served.push(asked.name)
      return (await resolve({ ...asked, server: SERVER }))?.kind === 'text' ? text : undefined
    },
    boots: { checkIn: () => 'ok' },
    report: () => {},
    counters: newHttpCounters(),
    clock: new FakeClock(),
    log: pino({ level: 'silent' }),
    limits: { scriptsPerMinute: 100_000 }
  })
  t.teardown(() => face.close(0))
  await face.listen('127.0.0.1', 0)
  const { port } = face
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  /** As it stands: URL objects would tidy the path up. */
  const statusOf = async (path: string) => {
    const asked = request({ host: '127.0.0.1', port, path, agent }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    await once(response.resume(), 'end')
    return response.statusCode ?? 0
  }
  await fc.assert(
    fc.asyncProperty(name, async (path) => {
      // What a URL can't hold as it is, encoded; what it can, raw: both are on the wire.
      const url = `/${path.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character.toWellFormed()))}`
      return [200, 400, 404].includes(await statusOf(url))
    }),
    { numRuns: 500 }
  )
  const odd = served.filter((name) => name.split('/').some((part) => part === '..' || part === '.' || part === ''))
  t.same(odd, [])
})

t.test('a check-in is understood or malformed, whatever it says', async () => {
  const line = fc.array(
    fc.constantFrom('up', 'ok', 'failed', 'layers', 'progress', '1', '-1', '1e9', ' ', '\n', '\r\n', 'x')
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        line.map((words) => words.join(' '))
      ),
      (body) => {
        try {
          const { detail, doneBytes } = parseCheckIn(body)
          return (
            !/[\x00-\x09\x0b-\x1f\x7f]/.test(detail) && (doneBytes === undefined || Number.isSafeInteger(doneBytes))
          )
        } catch (error) {
          return error instanceof MalformedCheckIn
        }
      }
    ),
    { numRuns: 5_000 }
  )
})
