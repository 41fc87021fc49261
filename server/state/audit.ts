// Who changed what, and when. A row is written in the transaction of the change that it tells of.
import type { Clock } from '../clock.ts'
import type { Database } from './database.ts'

export interface AuditEntry {
  readonly id: number
  /** ms since 1970. */
  readonly at: number
  /** The name of the token, or `rootcast` for what the daemon does by itself. */
  readonly actor: string
  /** noun.verb: `channel.move`. */
  readonly action: string
  /** What was changed: `lab/stable`, `ws-01`. */
  readonly target: string
  readonly details: Readonly<Record<string, unknown>>
}

export interface AuditPage {
  /** Only entries older than the one with this id. */
  readonly before?: number | undefined
  readonly limit: number
}

/** @param database inside a transaction, the transaction. */
export async function recordAudit(database: Database, entry: Omit<AuditEntry, 'id'>): Promise<void> {
  const { details, ...rest } = entry
  await database
    .insertInto('audit')
    .values({ ...rest, details: JSON.stringify(details) })
    .execute()
}

export class AuditLog {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** For changes that are not made in the database itself. */
  async record(actor: string, action: string, target: string, details: AuditEntry['details'] = {}): Promise<void> {
    await recordAudit(this.#database, { at: this.#clock.now(), actor, action, target, details })
  }

  /** Newest first. */
  async list({ before, limit }: AuditPage): Promise<readonly AuditEntry[]> {
    let query = this.#database.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit)
    if (before !== undefined) query = query.where('id', '<', before)
    const rows = await query.execute()
    return rows.map((row) => ({ ...row, details: JSON.parse(row.details) }))
  }
}
