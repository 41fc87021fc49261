// A control group (version 2) for each server: what all its processes use together, those that have ended included.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import path from 'node:path'

/** Where the bench mounts the hierarchy, in its own mount namespace. */
export const HIERARCHY = '/run/control-groups'
const PREFIX = 'rootcast-bench-'
/** The number of its namespace: within it, every bench is process 2 of the same parent. */
const BENCH = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]

export class ControlGroup {
  readonly #directory: string

  constructor(name: string) {
    this.#directory = path.join(HIERARCHY, `${PREFIX}${BENCH}-${name}`)
    mkdirSync(this.#directory)
  }

  /** A command that puts itself in, and becomes what is given. */
  around(command: readonly string[]): readonly string[] {
    return ['sh', '-c', `echo $$ >'${this.#directory}/cgroup.procs' && exec "$@"`, 'sh', ...command]
  }

  get cpuSeconds(): number {
    const microseconds = /^usage_usec (\d+)$/m.exec(readFileSync(`${this.#directory}/cpu.stat`, 'utf8'))?.[1]
    return Number(microseconds ?? Number.NaN) / 1e6
  }

  get pids(): readonly number[] {
    const text = readFileSync(`${this.#directory}/cgroup.procs`, 'utf8').trim()
    return text === '' ? [] : text.split('\n').map(Number)
  }

  /** False while somebody is in it. */
  remove(): boolean {
    return removed(this.#directory)
  }
}

/** What a bench left behind that was killed; that of one that is running stays. */
export function removeStrayGroups(): void {
  for (const name of readdirSync(HIERARCHY)) if (name.startsWith(PREFIX)) removed(path.join(HIERARCHY, name))
}

function removed(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return false
    throw error
  }
}
