// Where each channel has been: the table, and what a rollback reads out of it.
import type { Selectable } from 'kysely'
import type { Database } from './database.ts'
import type { ChannelMoveRow } from './tables.ts'

/** Which channel. */
export interface ChannelRef {
  readonly image: string
  readonly channel: string
}

export interface ChannelMove {
  readonly kind: 'move' | 'rollback' | 'remove'
  /** Undefined when the channel was new. */
  readonly from: string | undefined
  /** Undefined when the channel was removed. */
  readonly to: string | undefined
  readonly actor: string
  /** ms since 1970. */
  readonly at: number
}

export async function saveMove(database: Database, { image, channel }: ChannelRef, move: ChannelMove): Promise<void> {
  const { kind, from, to, actor, at } = move
  await database
    .insertInto('channel_moves')
    .values({ image, channel, kind, from_version: from ?? null, to_version: to ?? null, actor, at })
    .execute()
}

/** Oldest first. */
export async function loadMoves(database: Database, { image, channel }: ChannelRef): Promise<readonly ChannelMove[]> {
  const rows = await database
    .selectFrom('channel_moves')
    .selectAll()
    .where('image', '=', image)
    .where('channel', '=', channel)
    .orderBy('id')
    .execute()
  return rows.map(fromRow)
}

/**
 * The versions that rollbacks walk back along, the present one last. A move adds to it; a rollback cuts it off after
 * the version that it went to, so that the next one goes further back; a removal empties it.
 */
export function trail(moves: readonly ChannelMove[]): readonly string[] {
  const versions: string[] = []
  for (const { kind, to } of moves) {
    if (to === undefined) versions.length = 0
    else if (kind === 'move') versions.push(to)
    else versions.length = versions.lastIndexOf(to, -2) + 1
  }
  return versions
}

function fromRow({ kind, from_version, to_version, actor, at }: Selectable<ChannelMoveRow>): ChannelMove {
  return { kind, from: from_version ?? undefined, to: to_version ?? undefined, actor, at }
}
