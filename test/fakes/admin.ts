import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import pino from 'pino'
import type { Test } from 'tap'
import type { BootEvent, Version } from '../../server/boot/model.ts'
import { type AdminDeps, buildAdminApp } from '../../server/http/admin-app.ts'
import type { Publication } from '../../server/http/publication.ts'
import { PublishError } from '../../server/image/errors.ts'
import { AuditLog } from '../../server/state/audit.ts'
import { StoredBoots } from '../../server/state/boots.ts'
import { Channels } from '../../server/state/channels.ts'
import { StoredInventory } from '../../server/state/inventory.ts'
import { StoredLeases } from '../../server/state/leases.ts'
import { SCOPES, type Scope, Tokens } from '../../server/state/tokens.ts'
import { FakeClock } from './clock.ts'
import { memoryDatabase } from './database.ts'
import { fakeVersion } from './versions.ts'

/** An image store in memory, which tells what became of each publication. */
export class FakeStore {
  readonly told: string[] = []
  readonly #versions = new Map<string, Version>()
  readonly #underWay = new Set<string>()

  constructor(...versions: readonly Version[]) {
    for (const version of versions) this.#versions.set(`${version.image}/${version.version}`, version)
  }

  list(): readonly Version[] {
    return [...this.#versions.values()]
  }

  get(image: string, version: string): Version | undefined {
    return this.#versions.get(`${image}/${version}`)
  }

  /** Of every version that has notes. */
  warnings(image: string, version: string): readonly string[] {
    return this.get(image, version)?.notes ? ['kernel: too good to be one'] : []
  }

  async remove(image: string, version: string): Promise<void> {
    this.#versions.delete(`${image}/${version}`)
  }

  begin(image: string, version: string): Publication {
    const name = `${image}/${version}`
    if (this.#versions.has(name)) throw new PublishError('VERSION_EXISTS', `${name} is there`)
    if (this.#underWay.has(name)) throw new PublishError('VERSION_BEING_PUBLISHED', `${name} is under way`)
    this.#underWay.add(name)
    this.told.push(`begin ${name}`)
    return {
      addPart: async (kind, stream, filename) => {
        this.told.push(`${kind} ${await lengthOf(stream)} bytes, ${filename}`)
      },
      commit: async (facts) => {
        const published = { ...fakeVersion(image, version), ...facts }
        this.#versions.set(name, published)
        this.#underWay.delete(name)
        this.told.push(`commit ${name}`)
        return published
      },
      abort: async () => {
        this.#underWay.delete(name)
        this.told.push(`abort ${name}`)
      }
    }
  }
}

async function lengthOf(stream: Readable): Promise<number> {
  let length = 0
  for await (const chunk of stream) length += chunk.length
  return length
}

/** Boots that are what the test says, and events that happen when it says. */
export class FakeBoots {
  using: readonly string[] = []
  readonly listeners = new Set<(event: BootEvent) => void>()

  inUse(): readonly string[] {
    return this.using
  }

  subscribe(listener: (event: BootEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  tell(event: BootEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}

export const INTERNALS = 'EIO: /var/lib/rootcast/secret-path'

/** A dependency whose every method fails, with words that must not get out. */
export function broken<T extends object>(): T {
  const fail = () => {
    throw new Error(INTERNALS)
  }
  // A stand-in for any interface: whatever is called on it fails.
  return new Proxy({}, { get: () => fail }) as T
}

export type Call = Omit<InjectOptions, 'path'> & { readonly scope?: Scope | 'none' }

/** The admin app over a real database in memory and fakes of the rest, with a token of each scope. */
export async function adminApp(t: Test, overrides: Partial<AdminDeps> = {}) {
  const clock = new FakeClock(Date.UTC(2026, 10, 21, 1, 42))
  const database = await memoryDatabase(t)
  const store = new FakeStore()
  const boots = new FakeBoots()
  const leases = new StoredLeases(database)
  const audit = new AuditLog(database, clock)
  const inventory = await StoredInventory.open(database, clock)
  const channels = await Channels.open(database, clock, overrides.store ?? store)
  const tokens = await Tokens.open(database, { clock, randomBytes })
  const journal = new StoredBoots(database, { clock, log: { warn: () => {} } })
  const secrets = new Map<Scope, string>()
  for (const scope of SCOPES) {
    secrets.set(scope, (await tokens.create(scope, scope, 'test')).secret)
  }
  const leasesFace = {
    list: () => leases.load(),
    remove: async (address: number) => {
      const isThere = (await leases.load()).some((lease) => lease.address === address)
      await leases.remove(address)
      return isThere
    }
  }
  const deps: AdminDeps = {
    clock,
    log: pino({ level: 'silent' }),
    store,
    boots,
    audit,
    inventory,
    channels,
    tokens,
    journal,
    leases: leasesFace,
    checkDatabase: async () => {},
    unwritable: () => [],
    scrape: async (format) => `# ${format}\n`,
    ...overrides
  }
  const app = buildAdminApp(deps)
  t.teardown(() => app.close())
  await app.ready()

  const call = ({ scope = 'admin', headers, ...options }: Call): Promise<LightMyRequestResponse> => {
    const authorization = scope === 'none' ? {} : { authorization: `Bearer ${secrets.get(scope)}` }
    return app.inject({ ...options, headers: { ...authorization, ...headers } })
  }
  return {
    app,
    deps,
    call,
    clock,
    database,
    store,
    boots,
    leases,
    audit,
    inventory,
    channels,
    tokens,
    journal,
    secrets
  }
}

/** A form as a browser or curl sends it; a value that is a Buffer goes as a file. */
export function form(...parts: readonly (readonly [name: string, value: string | Buffer])[]) {
  const boundary = 'test-boundary'
  const chunks = parts.flatMap(([name, value]) => {
    const file = typeof value === 'string' ? '' : `; filename="${name}.bin"\r\nContent-Type: application/octet-stream`
    return [`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`, value, '\r\n']
  })
  const payload = Buffer.concat([...chunks, `--${boundary}--\r\n`].map((chunk) => Buffer.from(chunk)))
  return { payload, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}
