// How busy somebody else keeps the machine while something is measured.
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Of all processes on all cores since the machine was started: user, nice and system time (proc_stat(5)). */
export function busySeconds(): number {
  const [, user, nice, system] = readFileSync('/proc/stat', 'utf8').split(/\s+/).map(Number)
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0)) / TICKS_PER_SECOND
}
