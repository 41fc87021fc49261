import { randomBytes } from 'node:crypto'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import pino from 'pino'
import type { Test } from 'tap'
import type { BootEvent } from '../../server/boot/model.ts'
import { type AdminDeps, buildAdminApp } from '../../server/http/admin-app.ts'
import { AuditLog } from '../../server/state/audit.ts'
import { StoredBoots } from '../../server/state/boots.ts'
import { Channels } from '../../server/state/channels.ts'
import { StoredInventory } from '../../server/state/inventory.ts'
import { StoredLeases } from '../../server/state/leases.ts'
import { SCOPES, type Scope, Tokens } from '../../server/state/tokens.ts'
import { FakeClock } from './clock.ts'
import { memoryDatabase } from './database.ts'
import { FakeStore } from './image-store.ts'

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
