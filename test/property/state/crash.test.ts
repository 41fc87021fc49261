// What was promised is there after kill -9, and what was under way is there whole or not at all.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { loadMoves, trail } from '../../../server/state/channel-moves.ts'
import { type Database, openDatabase } from '../../../server/state/database.ts'
import { scratchDirectory } from '../../fakes/database.ts'

const ROUNDS = 4
const FIXTURES = path.join(import.meta.dirname, '../../fixtures/state')

/** Runs a program until it has promised `enough` changes, kills it, and tells all that it had promised by then. */
async function killInTheMiddle(program: string, args: readonly string[], enough: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [path.join(FIXTURES, program), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    killSignal: 'SIGKILL'
  })
  const closed = once(child, 'close')
  const promised: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    promised.push(Number(line))
    if (promised.length === enough) child.kill('SIGKILL')
  }
  await closed
  return promised
}

async function withDatabase<T>(file: string, look: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase(file)
  try {
    return await look(database)
  } finally {
    await database.destroy()
  }
}

t.test('channel moves', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const ref = { image: 'lab', channel: 'stable' }
  let first = 0
  for (let round = 1; round <= ROUNDS; round++) {
    const promised = await killInTheMiddle('promote-forever.ts', [file, `${first}`], round * 17)
    await withDatabase(file, async (database) => {
      const moves = await loadMoves(database, ref)
      const last = promised.at(-1) ?? 0
      t.ok(
        moves.length === last + 1 || moves.length === last + 2,
        `${last + 1} were promised, ${moves.length} are there`
      )
      t.ok(
        moves.every(({ from }, n) => from === moves[n - 1]?.to),
        'each begins where the one before ended'
      )
      const channel = await database.selectFrom('channels').selectAll().executeTakeFirstOrThrow()
      t.equal(channel.version, trail(moves).at(-1), 'the channel is where its history says')
      const { audited } = await database
        .selectFrom('audit')
        .select(({ fn }) => fn.countAll<number>().as('audited'))
        .executeTakeFirstOrThrow()
      t.equal(audited, moves.length, 'each was audited, and nothing else')
      first = moves.length
    })
  }
})

t.test('leases', async (t) => {
  const file = path.join(scratchDirectory(t), 'state.sqlite')
  const promised = new Set<number>()
  let first = 0
  for (let round = 1; round <= ROUNDS; round++) {
    for (const call of await killInTheMiddle('lease-forever.ts', [file, `${first}`], round * 37)) promised.add(call)
    first = Math.max(...promised) + 8
    await withDatabase(file, async (database) => {
      const rows = await database.selectFrom('leases').select('expires_at').execute()
      const kept = Map.groupBy(rows, ({ expires_at }) => expires_at)
      t.same(
        [...promised].filter((call) => kept.get(call)?.length !== 25),
        [],
        'every promise is kept'
      )
      t.same(
        [...kept].filter(([, leases]) => leases.length !== 25),
        [],
        'no call is there by half'
      )
    })
  }
})
