// kill -9 of the daemon while machines take and renew leases: what is on disk afterwards, and how soon it answers again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import type { Lease } from '../../../server/dhcp/leases.ts'
import { formatIpv4 } from '../../../server/net/ipv4.ts'
import { openDatabase } from '../../../server/state/database.ts'
import { StoredLeases } from '../../../server/state/leases.ts'
import type { Random } from '../../fuzz/engine/random.ts'
import { addr } from '../../support/dhcp-packets.ts'
import { type Held, type HoldersLine, type HoldersReport, machineMac, monotonicMs } from '../load/leaseholders.ts'
import { flags } from './generators.ts'

const PROGRAM = path.join(import.meta.dirname, '../load/leaseholders.ts')
const DATABASE = 'rootcast.sqlite'
const HOUR_MS = 3_600_000
/** Later than this it does not answer at all. */
const PATIENCE_MS = 60_000
/** A start takes about so long. */
const START_MS = 1000
const LIFE_MS = 1000
/** Linux counts processor time in hundredths of a second, whatever its kernel does. */
const TICK_MS = 10
/** The server's clock is set to the machine's at its start, and goes by itself from then on. */
const CLOCK_SLACK_MS = 250

/** Leases of an earlier day: one for each of so many machines, from this address on. */
export async function storeLeases(stateDir: string, first: string, count: number): Promise<void> {
  mkdirSync(stateDir, { recursive: true })
  const database = await openDatabase(path.join(stateDir, DATABASE))
  const now = Date.now()
  const leases = Array.from({ length: count }, (_, i): Lease => {
    const times = { expiresAt: now + 24 * HOUR_MS, updatedAt: now }
    const machine = { mac: machineMac(i), clientId: undefined, hostname: undefined, pool: 'of the bench' }
    return { address: addr(first) + i, ...machine, ...times, state: 'bound' }
  })
  await new StoredLeases(database).save(leases)
  await database.destroy()
}

/** The machines, in a process of their own: it may have to run in another network. */
export class Leaseholders implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #waiting = new Map<HoldersLine['kind'], { resolve: (line: HoldersLine) => void; timer: NodeJS.Timeout }>()

  private constructor(child: ChildProcess) {
    this.#process = child
    if (!child.stdout) throw new Error('the machines have nothing to write to')
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line: HoldersLine = JSON.parse(text)
      clearTimeout(this.#waiting.get(line.kind)?.timer)
      this.#waiting.get(line.kind)?.resolve(line)
    })
  }

  /** @param there what goes in front of a command that is to run where the machines are */
  static async start(
    there: readonly string[],
    options: Readonly<Record<string, string | number>>
  ): Promise<Leaseholders> {
    const [command = '', ...args] = [...there, process.execPath, PROGRAM, ...flags(options)]
    const holders = new Leaseholders(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    await holders.#next('ready')
    return holders
  }

  /** When the next answer comes, on the monotonic clock, ms. */
  async answered(): Promise<number> {
    this.#process.stdin?.write('watch\n')
    const line = await this.#next('answered')
    return line.kind === 'answered' ? line.atMs : Number.NaN
  }

  async report(): Promise<HoldersReport> {
    this.#process.stdin?.write('report\n')
    const line = await this.#next('report')
    if (line.kind !== 'report') throw new Error(`not a report: ${line.kind}`)
    return line.report
  }

  /** Whoever waited for one of this kind before waits in vain. */
  #next(kind: HoldersLine['kind']): Promise<HoldersLine> {
    clearTimeout(this.#waiting.get(kind)?.timer)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the machines said nothing of ${kind}`)), PATIENCE_MS)
      this.#waiting.set(kind, { resolve, timer })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer)
    const exit = once(this.#process, 'exit')
    this.#process.stdin?.end()
    await exit
  }
}

export interface CrashRun {
  readonly command: readonly string[]
  readonly stateDir: string
  readonly holders: Leaseholders
  readonly random: Random
}

export interface Crash {
  /** From the start of the process to the first answer, ms; undefined when it was killed before. */
  readonly answeredAfterMs: number | undefined
  /** The processor's part of that. */
  readonly cpuMs: number | undefined
  /** What had been promised and is not on disk, in words. */
  readonly forgotten: readonly string[]
}

/** One life of the daemon: mostly some time after it began to answer, now and then while it still starts. */
export async function liveAndDie({ command, stateDir, holders, random }: CrashRun): Promise<Crash> {
  const [program = '', ...args] = command
  const startedAt = monotonicMs()
  const daemon = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const exit = once(daemon, 'exit')
  let answered: { answeredAfterMs: number; cpuMs: number } | undefined
  try {
    const answer = holders.answered().then((at) => {
      answered = { answeredAfterMs: at - startedAt, cpuMs: cpuMs(daemon.pid) }
    })
    if (random.below(4) === 0) {
      await Promise.race([after(random.below(START_MS)), answer])
    } else {
      await answer
      await after(random.below(LIFE_MS))
    }
  } finally {
    daemon.kill('SIGKILL')
    await exit
  }
  const { held } = await holders.report()
  return {
    answeredAfterMs: answered?.answeredAfterMs,
    cpuMs: answered?.cpuMs,
    forgotten: forgotten(stateDir, held)
  }
}

/** What a process has used so far, with all its threads. */
function cpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Looks at a copy, for whoever opens a database mends it. */
function forgotten(stateDir: string, held: readonly Held[]): readonly string[] {
  const copy = mkdtempSync(path.join(tmpdir(), 'rootcast-crash-'))
  try {
    for (const name of [DATABASE, `${DATABASE}-wal`]) {
      if (existsSync(path.join(stateDir, name))) copyFileSync(path.join(stateDir, name), path.join(copy, name))
    }
    const database = new DatabaseSync(path.join(copy, DATABASE))
    const rows = database.prepare('select address, mac, state, expires_at as expiresAt from leases').all()
    database.close()
    const byAddress = new Map(rows.map((row) => [formatIpv4(Number(row.address)), row]))
    return held.flatMap(({ address, mac, until }) => {
      const row = byAddress.get(address)
      if (row?.mac !== mac || row.state !== 'bound') return `${address} of ${mac} is ${row?.state} of ${row?.mac}`
      const missingMs = until - Number(row.expiresAt)
      return missingMs > CLOCK_SLACK_MS ? `${address} of ${mac} ends ${missingMs} ms too soon` : []
    })
  } finally {
    rmSync(copy, { recursive: true })
  }
}
