// The table of IPv6 leases: what DHCPv6 promised must be on disk before the promise leaves.
import type { Selectable } from 'kysely'
import type { Forgotten6, Lease6, LeaseStore6 } from '../dhcp6/leases.ts'
import type { Ipv6 } from '../net/ipv6.ts'
import type { Database } from './database.ts'
import type { Lease6Row } from './tables.ts'
import { Turns } from './turns.ts'

export class StoredLeases6 implements LeaseStore6 {
  readonly #database: Database
  readonly #turns = new Turns()

  constructor(database: Database) {
    this.#database = database
  }

  /** What clients know this server by. Made once, and then the same for as long as the database is kept. */
  async serverId(makeDuid: () => Uint8Array): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      const kept = await this.#database.selectFrom('dhcp6_server').select('duid').executeTakeFirst()
      if (kept) return Buffer.from(kept.duid, 'hex')
      const made = makeDuid()
      await this.#database
        .insertInto('dhcp6_server')
        .values({ duid: Buffer.from(made).toString('hex') })
        .execute()
      return made
    })
  }

  async load(): Promise<readonly Lease6[]> {
    const rows = await this.#database.selectFrom('leases6').selectAll().orderBy('address').execute()
    return rows.map(fromRow)
  }

  /** Upserts by address, or forgets; resolves once all of it is on disk, or none of it is. */
  save(leases: readonly (Lease6 | Forgotten6)[]): Promise<void> {
    return this.#turns.take(() =>
      this.#database.transaction().execute(async (transaction) => {
        for (const lease of leases) {
          if (lease.state === 'forgotten') await forget(transaction, lease.address)
          else await upsert(transaction, toRow(lease))
        }
      })
    )
  }

  /** Forgets what was over before `before` (ms since 1970): invented machines leave nothing for ever. */
  async prune(before: number): Promise<void> {
    await this.#turns.take(() => this.#database.deleteFrom('leases6').where('expires_at', '<', before).execute())
  }
}

async function upsert(database: Database, { address, ...rest }: Lease6Row): Promise<void> {
  await database
    .insertInto('leases6')
    .values({ address, ...rest })
    .onConflict((conflict) => conflict.column('address').doUpdateSet(rest))
    .execute()
}

async function forget(database: Database, address: Ipv6): Promise<void> {
  await database.deleteFrom('leases6').where('address', '=', address).execute()
}

function toRow({ expiresAt, updatedAt, ...lease }: Lease6): Lease6Row {
  return { ...lease, expires_at: expiresAt, updated_at: updatedAt }
}

function fromRow({ expires_at, updated_at, ...row }: Selectable<Lease6Row>): Lease6 {
  return { ...row, expiresAt: expires_at, updatedAt: updated_at }
}
