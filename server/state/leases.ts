// The table of leases: what DHCP promised must be on disk before the promise leaves.
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { CompiledQuery, type Selectable } from 'kysely'
import type { Lease, LeaseStore } from '../dhcp/leases.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Database } from './database.ts'
import type { LeaseRow } from './tables.ts'
import { Turns } from './turns.ts'

/** Rows of one statement, at most. */
const ROWS_AT_ONCE = 16

interface Batch {
  readonly leases: Lease[]
  readonly saved: Promise<void>
}

export class StoredLeases implements LeaseStore {
  readonly #database: Database
  /** By how many rows they have. */
  readonly #upserts = new Map<number, string>()
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

  /** A statement by itself is all or nothing, as a transaction is. */
  async #write(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return
    if (leases.length <= ROWS_AT_ONCE) {
      await this.#database.executeQuery(this.#upsert(leases))
      return
    }
    await this.#database.transaction().execute(async (transaction) => {
      for (let at = 0; at < leases.length; at += ROWS_AT_ONCE) {
        await transaction.executeQuery(this.#upsert(leases.slice(at, at + ROWS_AT_ONCE)))
      }
    })
  }

  #upsert(leases: readonly Lease[]): CompiledQuery {
    const rows = leases.length
    const sql = this.#upserts.get(rows) ?? upsertText(this.#database, rows)
    this.#upserts.set(rows, sql)
    return CompiledQuery.raw(sql, leases.flatMap(parameters))
  }
}

/** Compiled once: ten thousand machines are ten thousand upserts. */
function upsertText(database: Database, rows: number): string {
  const row = toRow(NOBODY)
  return database
    .insertInto('leases')
    .values(Array(rows).fill(row))
    .onConflict((conflict) =>
      conflict.column('address').doUpdateSet(({ ref }) =>
        // The columns of `row`, as they were to be inserted.
        Object.fromEntries(Object.keys(row).map((column) => [column, ref(`excluded.${column as keyof LeaseRow}`)]))
      )
    )
    .compile().sql
}

/** In the order of `upsertText`. */
function parameters(lease: Lease): unknown[] {
  return Object.values(toRow(lease))
}

const NOBODY: Lease = {
  address: 0,
  mac: '',
  clientId: undefined,
  hostname: undefined,
  state: 'released',
  expiresAt: 0,
  updatedAt: 0,
  pool: ''
}

function toRow(lease: Lease): LeaseRow {
  return {
    address: lease.address,
    mac: lease.mac,
    client_id: lease.clientId ?? null,
    hostname: lease.hostname ?? null,
    state: lease.state,
    expires_at: lease.expiresAt,
    updated_at: lease.updatedAt,
    pool: lease.pool
  }
}

/** Field by field: ten thousand are read before the first packet is answered. */
function fromRow(row: Selectable<LeaseRow>): Lease {
  return {
    address: row.address,
    mac: row.mac,
    clientId: row.client_id ?? undefined,
    hostname: row.hostname ?? undefined,
    state: row.state,
    expiresAt: row.expires_at,
    updatedAt: row.updated_at,
    pool: row.pool
  }
}
