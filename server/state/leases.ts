// The table of leases: what DHCP promised must be on disk before the promise leaves.
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { type Selectable } from 'kysely'
import { type Lease, type LeaseStore } from '../dhcp/leases.ts'
import { type Ipv4 } from '../net/ipv4.ts'
import { type Database } from './database.ts'
import { type LeaseRow } from './tables.ts'
import { Turns } from './turns.ts'

interface Batch {
  readonly leases: Lease[]
  readonly saved: Promise<void>
}

export class StoredLeases implements LeaseStore {
  readonly #database: Database
  readonly #turns = new Turns()
  #next: Batch | undefined

  constructor(database: Database) {
    this.#database = database
  }

  async load(): Promise<readonly Lease[]> {
    const rows = await this.#database.selectFrom('leases').selectAll().orderBy('address').execute()
    return rows.map(fromRow)
  }

  /**
   * Upserts by address; resolves once they are on disk, all of them or none. What is saved within one turn of the
   * event loop, or while an earlier batch is being written, shares one transaction: a thousand machines that are
   * switched on together cost a few syncs, not a thousand.
   */
  save(leases: readonly Lease[]): Promise<void> {
    this.#next ??= this.#batch()
    this.#next.leases.push(...leases)
    return this.#next.saved
  }

  /** Behind everything that was to be saved before, and before everything that comes after. */
  shift(ms: number): Promise<void> {
    this.#next = undefined
    return this.#turns.take(async () => {
      await this.#database
        .updateTable('leases')
        .set((row) => ({ expires_at: row('expires_at', '+', ms), updated_at: row('updated_at', '+', ms) }))
        .execute()
    })
  }

  /** Forgets the lease of an address, if there is one. */
  async remove(address: Ipv4): Promise<void> {
    await this.#turns.take(() => this.#database.deleteFrom('leases').where('address', '=', address).execute())
  }

  #batch(): Batch {
    const leases: Lease[] = []
    const saved = this.#turns.take(async () => {
      await turnOfTheLoop()
      if (this.#next?.leases === leases) this.#next = undefined
      await this.#write(leases)
    })
    return { leases, saved }
  }

  async #write(leases: readonly Lease[]): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      for (const lease of leases) await upsert(transaction, toRow(lease))
    })
  }
}

async function upsert(database: Database, { address, ...rest }: LeaseRow): Promise<void> {
  await database
    .insertInto('leases')
    .values({ address, ...rest })
    .onConflict((conflict) => conflict.column('address').doUpdateSet(rest))
    .execute()
}

function toRow({ clientId, hostname, expiresAt, updatedAt, ...lease }: Lease): LeaseRow {
  return {
    ...lease,
    client_id: clientId ?? null,
    hostname: hostname ?? null,
    expires_at: expiresAt,
    updated_at: updatedAt
  }
}

function fromRow({ client_id, hostname, expires_at, updated_at, ...row }: Selectable<LeaseRow>): Lease {
  return {
    ...row,
    clientId: client_id ?? undefined,
    hostname: hostname ?? undefined,
    expiresAt: expires_at,
    updatedAt: updated_at
  }
}
