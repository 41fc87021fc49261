// Time as an argument. Decisions take `now`; drivers take a Clock; only this file, main.js and daemon.ts touch the real one.
import { performance } from 'node:perf_hooks'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time, in ms since 1970. Jumps when an administrator sets the clock: for display and for what is kept on disk. */
  now(): number
  /** Milliseconds from an arbitrary origin that never jump: for timeouts and durations. */
  monotonic(): number
  /**
   * Calls `run` once, after `ms`, and after what has come in by then was heard: a process that is late itself must not
   * take that for somebody's silence. The process does not stay alive for it.
   */
  after(ms: number, run: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    let immediate: NodeJS.Immediate | undefined
    const timeout = setTimeout(() => {
      immediate = setImmediate(run)
    }, ms)
    timeout.unref()
    return {
      cancel() {
        clearTimeout(timeout)
        clearImmediate(immediate)
      }
    }
  }
}

/** Calls `run` when the event loop has seen to everything else that waits. No time passes by it, so it needs no clock. */
export function afterOthers(run: () => void): void {
  setImmediate(run)
}

/** Resolves after `ms` on this clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve))
}
