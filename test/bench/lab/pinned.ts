// Servers on one core, load on another, so that neither takes the other's time.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { cacheDirectory } from '../cache.ts'
import { ControlGroup } from './control-group.ts'
import { busySeconds } from './others.ts'
import { residentMegabytes } from './resident.ts'

/** Not npm's, which has the programs of npm packages in it: one of them is called dhcpd. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const SERVER_CORE = 0
export const LOAD_CORE = availableParallelism() > 1 ? 1 : 0
const SAMPLE_MS = 250
const READY_MS = 20_000
const STOP_MS = 5_000
const POLL_MS = 20

export type Listening = { readonly protocol: 'udp' | 'tcp'; readonly port: number }

export interface ServerCommand {
  readonly command: readonly string[]
  /** It is ready when it listens on all of them. */
  readonly ready: readonly Listening[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A server that runs, and what it uses while it does. */
export class RunningServer implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #group: ControlGroup
  readonly #sampler: NodeJS.Timeout
  #peakMegabytes = 0
  #cpuMark = 0
  #busyMark = 0
  #timeMark = 0

  private constructor(child: ChildProcess, group: ControlGroup) {
    this.#process = child
    this.#group = group
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  static async start({ command, ready, cwd, env }: ServerCommand): Promise<RunningServer> {
    const group = new ControlGroup(String(++started))
    const [program = '', ...args] = group.around(['taskset', '-c', String(SERVER_CORE), ...command])
    const complaints = path.join(cacheDirectory('log'), 'stderr')
    const stderr = openSync(complaints, 'w')
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', stderr], cwd, env: { PATH, ...env } })
    closeSync(stderr)
    const server = new RunningServer(child, group)
    try {
      await until(`${command[0]} listens`, () => {
        if (child.exitCode === null) return ready.every(isListening)
        throw new Error(`${command[0]} ended: ${readFileSync(complaints, 'utf8').slice(-500)}`)
      })
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Of the process that was started. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** CPU is counted from here on. */
  mark(): void {
    this.#cpuMark = this.#group.cpuSeconds
    this.#busyMark = busySeconds()
    this.#timeMark = performance.now()
  }

  /** How many cores others have kept busy since the mark, given what our own load has used. */
  othersCores(loadSeconds: number): number {
    const busy = busySeconds() - this.#busyMark - this.cpuSeconds - loadSeconds
    return Math.max(0, busy / ((performance.now() - this.#timeMark) / 1000))
  }

  get cpuSeconds(): number {
    return this.#group.cpuSeconds - this.#cpuMark
  }

  get peakMegabytes(): number {
    this.#sample()
    return this.#peakMegabytes
  }

  #sample(): void {
    this.#peakMegabytes = Math.max(this.#peakMegabytes, residentMegabytes(this.#group.pids))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sampler)
    kill(this.#group.pids, 'SIGTERM')
    const end = performance.now() + STOP_MS
    // Those that have ended stay a moment longer, until somebody has taken note of it.
    while (!this.#group.remove()) {
      if (performance.now() > end) kill(this.#group.pids, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}

/** Servers so far: each has a group of its own. */
let started = 0

/** Runs a load generator to its end, and reads the JSON that it prints. */
export async function runLoad<T>(command: readonly string[]): Promise<T> {
  return JSON.parse(await runPinned(command)) as T // our own program's output, of the shape that its source states
}

/** Runs on the load's core to the end, and answers with what it printed. */
export async function runPinned(command: readonly string[]): Promise<string> {
  const child = spawn('taskset', ['-c', String(LOAD_CORE), ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (stdout.trim() === '') throw new Error(`${command.join(' ')} (${child.exitCode}): ${stderr.slice(-2000)}`)
  return stdout
}

/** Whether anybody in this network listens there. */
export function isListening({ protocol, port }: Listening): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const state = protocol === 'tcp' ? '0A' : '07'
  return ['', '6'].some((family) =>
    readFileSync(`/proc/net/${protocol}${family}`, 'utf8')
      .split('\n')
      .slice(1)
      .some((line) => {
        const [, local = '', , now] = line.trim().split(/\s+/)
        return local.endsWith(`:${wanted}`) && now === state
      })
  )
}

export async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + READY_MS
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within ${READY_MS / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function kill(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended by itself.
    }
  }
}
