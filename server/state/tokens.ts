// Bearer tokens. The secret is shown once; what is kept is its sha256: it is 256 random bits, so nothing slower is needed.
import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { recordAudit } from './audit.ts'
import { Conflict } from './conflict.ts'
import type { Database } from './database.ts'
import { writeSecret } from './secret-file.ts'
import type { TokenRow } from './tables.ts'
import { Turns } from './turns.ts'

/** Each includes the ones before it. */
export const SCOPES = ['metrics', 'read', 'publish', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export interface Token {
  readonly id: string
  readonly name: string
  readonly scope: Scope
  /** ms since 1970. */
  readonly createdAt: number
  /** ms since 1970, to the minute. */
  readonly lastUsedAt: number | undefined
}

export interface TokensOptions {
  readonly clock: Clock
  /** Cryptographically random. */
  readonly randomBytes: (length: number) => Buffer
}

/** So often at most is the moment of last use written. */
const LAST_USED_EVERY_MS = 60_000

export class Tokens {
  readonly #database: Database
  readonly #clock: Clock
  readonly #randomBytes: (length: number) => Buffer
  readonly #turns = new Turns()
  /** By hash of the secret. */
  readonly #tokens = new Map<string, Token>()

  static async open(database: Database, options: TokensOptions): Promise<Tokens> {
    return new Tokens(database, options, await database.selectFrom('tokens').selectAll().execute())
  }

  private constructor(database: Database, { clock, randomBytes }: TokensOptions, rows: readonly TokenRow[]) {
    this.#database = database
    this.#clock = clock
    this.#randomBytes = randomBytes
    for (const row of rows) this.#tokens.set(row.hash, fromRow(row))
  }

  /** Oldest first. */
  list(): readonly Token[] {
    return [...this.#tokens.values()].sort((a, b) => a.createdAt - b.createdAt)
  }

  /** Whose secret this is. Undefined when nobody's. */
  verify(secret: string): Token | undefined {
    const hash = sha256(secret)
    const token = this.#tokens.get(hash)
    if (token) this.#touch(hash, token)
    return token
  }

  /** The secret is in the answer, and nowhere else. */
  create(name: string, scope: Scope, actor: string): Promise<{ readonly token: Token; readonly secret: string }> {
    return this.#turns.take(async () => {
      const secret = this.#newSecret()
      return { token: await this.#insert(secret, name, scope, actor), secret }
    })
  }

  /**
   * False when there is no such token.
   * @throws Conflict: LAST_ADMIN_TOKEN, because nobody could make another.
   */
  remove(id: string, actor: string): Promise<boolean> {
    return this.#turns.take(async () => {
      const [hash, token] = [...this.#tokens].find(([, candidate]) => candidate.id === id) ?? []
      if (hash === undefined || token === undefined) return false
      if (token.scope === 'admin' && this.#admins().length === 1) {
        throw new Conflict('LAST_ADMIN_TOKEN', `${token.name} is the last token with scope admin`)
      }
      await this.#database.transaction().execute(async (transaction) => {
        await transaction.deleteFrom('tokens').where('id', '=', id).execute()
        await this.#audit(transaction, 'token.remove', token, actor)
      })
      this.#tokens.delete(hash)
      return true
    })
  }

  /**
   * Where no token has scope admin, makes one and writes its secret to a file that only its owner can read.
   * @returns whether it did.
   */
  ensureAdminToken(path: string): Promise<boolean> {
    return this.#turns.take(async () => {
      if (this.#admins().length > 0) return false
      const secret = this.#newSecret()
      // The file first: cut off in between, the next start finds no token and writes the file anew.
      await writeSecret(path, secret)
      await this.#insert(secret, 'admin', 'admin', 'rootcast')
      return true
    })
  }

  #admins(): readonly Token[] {
    return this.list().filter((token) => token.scope === 'admin')
  }

  #newSecret(): string {
    return `rc_${this.#randomBytes(32).toString('base64url')}`
  }

  async #insert(secret: string, name: string, scope: Scope, actor: string): Promise<Token> {
    const createdAt = this.#clock.now()
    const id = this.#randomBytes(8).toString('hex')
    const token = { id, name, scope, createdAt, lastUsedAt: undefined }
    const hash = sha256(secret)
    await this.#database.transaction().execute(async (transaction) => {
      const row = { id, name, scope, hash, created_at: createdAt, last_used_at: null }
      await transaction.insertInto('tokens').values(row).execute()
      await this.#audit(transaction, 'token.create', token, actor)
    })
    this.#tokens.set(hash, token)
    return token
  }

  #audit(transaction: Database, action: string, { id, name, scope }: Token, actor: string): Promise<void> {
    return recordAudit(transaction, { at: this.#clock.now(), actor, action, target: id, details: { name, scope } })
  }

  #touch(hash: string, token: Token): void {
    const now = this.#clock.now()
    if (token.lastUsedAt !== undefined && Math.abs(now - token.lastUsedAt) < LAST_USED_EVERY_MS) return
    this.#tokens.set(hash, { ...token, lastUsedAt: now })
    const write = this.#database.updateTable('tokens').set({ last_used_at: now }).where('id', '=', token.id).execute()
    // Not worth failing a request for: memory has it, and the next minute writes again.
    write.catch(() => undefined)
  }
}

function sha256(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function fromRow({ id, name, scope, created_at, last_used_at }: TokenRow): Token {
  return { id, name, scope, createdAt: created_at, lastUsedAt: last_used_at ?? undefined }
}
