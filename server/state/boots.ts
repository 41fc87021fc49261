// The tables of boots and their events, written behind the back of whoever tells of them: a boot never waits for a disk.
import type { Selectable } from 'kysely'
import type { BootFilter, BootStore } from '../boot/journal.ts'
import type { Boot, BootEvent } from '../boot/model.ts'
import type { Clock, Timer } from '../clock.ts'
import { fromBootRow, fromEventRow, toBootRow, toEventRow } from './boot-rows.ts'
import type { Database } from './database.ts'
import type { BootRow } from './tables.ts'
import { Turns } from './turns.ts'

export interface BootsOptions {
  readonly clock: Clock
  readonly log: { warn(facts: object, message: string): void }
  /** So many boots are kept, besides those that are still going on. */
  readonly kept?: number
  /** So many events wait for the disk at most; past that, the oldest of them that only tell of progress are dropped. */
  readonly queued?: number
}

const WRITE_AFTER_MS = 100
const RETRY_AFTER_MS = 5_000
const PRUNE_EVERY_BOOTS = 100
const DEFAULT_LIMIT = 100

interface Saved {
  readonly boot: Boot
  readonly event: BootEvent | undefined
}

export class StoredBoots implements BootStore {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: BootsOptions['log']
  readonly #kept: number
  readonly #queued: number
  readonly #turns = new Turns()
  #waiting: Saved[] = []
  #timer: Timer | undefined
  #isFailing = false
  #bootsSincePrune = PRUNE_EVERY_BOOTS

  constructor(database: Database, { clock, log, kept = 10_000, queued = 10_000 }: BootsOptions) {
    this.#database = database
    this.#clock = clock
    this.#log = log
    this.#kept = kept
    this.#queued = queued
  }

  async load(): Promise<readonly Boot[]> {
    await this.#tryFlush()
    const rows = await this.#boots().where('state', 'in', ['booting', 'running']).execute()
    return rows.map(fromBootRow)
  }

  save(boot: Boot, event: BootEvent | undefined): void {
    this.#waiting.push({ boot, event })
    if (this.#waiting.length > this.#queued) this.#shed()
    this.#schedule(WRITE_AFTER_MS)
  }

  async get(id: string): Promise<Boot | undefined> {
    await this.#tryFlush()
    const waiting = this.#waiting.findLast(({ boot }) => boot.id === id)
    if (waiting) return waiting.boot
    const row = await this.#database.selectFrom('boots').selectAll().where('id', '=', id).executeTakeFirst()
    return row && fromBootRow(row)
  }

  async list({ mac, state, limit = DEFAULT_LIMIT }: BootFilter): Promise<readonly Boot[]> {
    await this.#tryFlush()
    let query = this.#boots().limit(limit)
    if (mac !== undefined) query = query.where('mac', '=', mac)
    if (state !== undefined) query = query.where('state', '=', state)
    const rows: readonly Selectable<BootRow>[] = await query.execute()
    return this.#withWaiting(rows.map(fromBootRow))
      .filter((boot) => (mac === undefined || boot.mac === mac) && (state === undefined || boot.state === state))
      .slice(0, limit)
  }

  async events(bootId: string): Promise<readonly BootEvent[]> {
    await this.#tryFlush()
    const query = this.#database.selectFrom('boot_events').selectAll().where('boot_id', '=', bootId).orderBy('id')
    const rows = (await query.execute()).map(fromEventRow)
    return [...rows, ...this.#waiting.flatMap(({ event }) => (event?.bootId === bootId ? [event] : []))]
  }

  /** Rejects when the disk does; what was to be written is kept for the next try. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    return this.#turns.take(() => this.#write())
  }

  /** What the disk did not take yet is the newer word. */
  #withWaiting(saved: readonly Boot[]): readonly Boot[] {
    if (this.#waiting.length === 0) return saved
    const boots = new Map([...saved, ...this.#waiting.map(({ boot }) => boot)].map((boot) => [boot.id, boot]))
    return [...boots.values()].sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1))
  }

  #boots() {
    return this.#database.selectFrom('boots').selectAll().orderBy('started_at', 'desc').orderBy('id', 'desc')
  }

  #schedule(ms: number): void {
    this.#timer ??= this.#clock.after(ms, () => void this.#tryFlush())
  }

  /** While the disk takes nothing, what was told is kept here, can be read, and is tried again. */
  async #tryFlush(): Promise<void> {
    try {
      await this.flush()
    } catch (error) {
      if (!this.#isFailing) this.#log.warn({ err: error }, 'boots can not be saved: trying again until they can')
      this.#isFailing = true
      this.#schedule(RETRY_AFTER_MS)
    }
  }

  async #write(): Promise<void> {
    if (this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    try {
      await this.#database.transaction().execute((transaction) => this.#writeBatch(transaction, batch))
      this.#isFailing = false
    } catch (error) {
      this.#waiting = [...batch, ...this.#waiting]
      throw error
    }
  }

  async #writeBatch(transaction: Database, batch: readonly Saved[]): Promise<void> {
    // Only the last word on each boot is written, and before the events that refer to it.
    const boots = new Map(batch.map(({ boot }) => [boot.id, boot]))
    for (const boot of boots.values()) await upsertBoot(transaction, boot)
    for (const { event } of batch) {
      if (event) await transaction.insertInto('boot_events').values(toEventRow(event)).execute()
    }
    await this.#prune(transaction, boots.size)
  }

  async #prune(transaction: Database, saved: number): Promise<void> {
    this.#bootsSincePrune += saved
    if (this.#bootsSincePrune < PRUNE_EVERY_BOOTS) return
    this.#bootsSincePrune = 0
    await transaction
      .deleteFrom('boots')
      .where('state', 'in', ['failed', 'ended'])
      .where('started_at', '<', (query) =>
        query
          .selectFrom('boots')
          .select('started_at')
          .orderBy('started_at', 'desc')
          .offset(this.#kept - 1)
          .limit(1)
      )
      .execute()
  }

  /** The disk does not keep up: what happened is kept, how far it had got is not. */
  #shed(): void {
    const dispensable = this.#waiting.findIndex(({ event }) => event === undefined || event.outcome === 'progress')
    this.#waiting.splice(Math.max(dispensable, 0), 1)
  }
}

async function upsertBoot(database: Database, boot: Boot): Promise<void> {
  const { id, ...rest } = toBootRow(boot)
  await database
    .insertInto('boots')
    .values({ id, ...rest })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(rest))
    .execute()
}
