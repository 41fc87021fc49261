// Resident memory, read from /proc.
import { readFileSync, writeFileSync } from 'node:fs'

/** One process: the most that was ever resident. Several: what is resident now, shared pages counted once. */
export function residentMegabytes(pids: readonly number[]): number {
  const [only] = pids
  if (pids.length === 1) return field(`/proc/${only}/status`, 'VmHWM')
  return pids.reduce((sum, pid) => sum + field(`/proc/${pid}/smaps_rollup`, 'Pss'), 0)
}

/** What is resident now, shared pages and all. */
export function residentNowMegabytes(pid: number): number {
  return field(`/proc/${pid}/status`, 'VmRSS')
}

/** From here on, the most that is ever resident is counted anew (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function field(file: string, name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(textOf(file))?.[1]
  return (Number(kilobytes ?? 0) * 1024) / 1e6
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // it has ended
  }
}
