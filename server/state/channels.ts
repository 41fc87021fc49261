// Movable names for versions. Moving one changes what the next boot gets, and nothing that is running.
import type { Clock } from '../clock.ts'
import { recordAudit } from './audit.ts'
import { type ChannelMove, type ChannelRef, loadMoves, saveMove, trail } from './channel-moves.ts'
import { Conflict } from './conflict.ts'
import type { Database } from './database.ts'
import { Turns } from './turns.ts'

export interface Channel extends ChannelRef {
  readonly version: string
  /** ms since 1970. */
  readonly movedAt: number
}

/** Which versions there are to point at. */
export interface PublishedVersions {
  get(image: string, version: string): object | undefined
}

export class Channels {
  readonly #database: Database
  readonly #clock: Clock
  readonly #versions: PublishedVersions
  readonly #turns = new Turns()
  /** By image, then by channel. */
  readonly #channels = new Map<string, Map<string, Channel>>()

  static async open(database: Database, clock: Clock, versions: PublishedVersions): Promise<Channels> {
    const rows = await database.selectFrom('channels').selectAll().execute()
    const channels = rows.map(({ moved_at, ...row }) => ({ ...row, movedAt: moved_at }))
    return new Channels(database, clock, versions, channels)
  }

  private constructor(database: Database, clock: Clock, versions: PublishedVersions, channels: readonly Channel[]) {
    this.#database = database
    this.#clock = clock
    this.#versions = versions
    for (const channel of channels) this.#remember(channel)
  }

  get({ image, channel }: ChannelRef): Channel | undefined {
    return this.#channels.get(image)?.get(channel)
  }

  /** By name. */
  list(image: string): readonly Channel[] {
    const channels = this.#channels.get(image)?.values() ?? []
    return [...channels].sort((a, b) => (a.channel < b.channel ? -1 : 1))
  }

  /** Names of the channels of an image that are at this version. */
  at(image: string, version: string): readonly string[] {
    return this.list(image).flatMap((channel) => (channel.version === version ? [channel.channel] : []))
  }

  /** Newest first. It outlives the channel. */
  async history(ref: ChannelRef): Promise<readonly ChannelMove[]> {
    return (await loadMoves(this.#database, ref)).toReversed()
  }

  /**
   * Promotes: points the channel, new or not, at `version`. Where it is already, it stays, and no history is made.
   * @throws Conflict: VERSION_NOT_PUBLISHED.
   */
  move(ref: ChannelRef, version: string, actor: string): Promise<Channel> {
    return this.#turns.take(async () => {
      if (!this.#versions.get(ref.image, version)) {
        throw new Conflict('VERSION_NOT_PUBLISHED', `image ${ref.image} has no version ${version}`)
      }
      const now = this.get(ref)
      return now?.version === version ? now : this.#place(ref, 'move', version, actor)
    })
  }

  /**
   * Back to where the channel was before its last move; again, further back, never forward to what it just left.
   * Versions that were deleted meanwhile are passed over. Undefined when there is no such channel.
   * @throws Conflict: NOTHING_TO_ROLL_BACK_TO.
   */
  rollback(ref: ChannelRef, actor: string): Promise<Channel | undefined> {
    return this.#turns.take(async () => {
      if (!this.get(ref)) return undefined
      const earlier = trail(await loadMoves(this.#database, ref)).slice(0, -1)
      const version = earlier.findLast((candidate) => this.#versions.get(ref.image, candidate))
      if (version === undefined) {
        const detail = `channel ${ref.channel} of ${ref.image} has been at no earlier version that is still there`
        throw new Conflict('NOTHING_TO_ROLL_BACK_TO', detail)
      }
      return this.#place(ref, 'rollback', version, actor)
    })
  }

  /** False when there is no such channel. */
  remove(ref: ChannelRef, actor: string): Promise<boolean> {
    return this.#turns.take(async () => {
      const former = this.get(ref)
      if (!former) return false
      const move = { kind: 'remove', from: former.version, to: undefined, actor, at: this.#clock.now() } as const
      await this.#database.transaction().execute(async (transaction) => {
        await transaction
          .deleteFrom('channels')
          .where('image', '=', ref.image)
          .where('channel', '=', ref.channel)
          .execute()
        await record(transaction, ref, move)
      })
      this.#channels.get(ref.image)?.delete(ref.channel)
      return true
    })
  }

  /** Runs `work` while no channel moves: what it sees of channels stays true until it is done. */
  holdStill<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(work)
  }

  async #place(ref: ChannelRef, kind: 'move' | 'rollback', version: string, actor: string): Promise<Channel> {
    const at = this.#clock.now()
    const move = { kind, from: this.get(ref)?.version, to: version, actor, at }
    const { image, channel } = ref
    await this.#database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('channels')
        .values({ image, channel, version, moved_at: at })
        .onConflict((conflict) => conflict.columns(['image', 'channel']).doUpdateSet({ version, moved_at: at }))
        .execute()
      await record(transaction, ref, move)
    })
    return this.#remember({ image, channel, version, movedAt: at })
  }

  #remember(channel: Channel): Channel {
    const ofImage = this.#channels.get(channel.image) ?? new Map<string, Channel>()
    ofImage.set(channel.channel, channel)
    this.#channels.set(channel.image, ofImage)
    return channel
  }
}

/** Into the history and the audit, in the transaction that moves the channel. */
async function record(transaction: Database, ref: ChannelRef, move: ChannelMove): Promise<void> {
  await saveMove(transaction, ref, move)
  const { kind, from, to, actor, at } = move
  const target = `${ref.image}/${ref.channel}`
  await recordAudit(transaction, { at, actor, action: `channel.${kind}`, target, details: { from, to } })
}
