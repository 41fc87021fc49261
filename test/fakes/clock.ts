import type { Clock, Timer } from '../../server/clock.ts'

/** A clock that moves only when a test says so. */
export class FakeClock implements Clock {
  #now: number
  /** How far the wall clock was set. */
  #set = 0
  #pending: { at: number; run: () => void }[] = []

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#set
  }

  /** An administrator sets the wall clock, forward or back. */
  setWall(ms: number): void {
    this.#set += ms
  }

  monotonic(): number {
    return this.#now
  }

  /** Timers that have not run and were not cancelled. */
  get timersLeft(): number {
    return this.#pending.length
  }

  after(ms: number, run: () => void): Timer {
    const entry = { at: this.#now + ms, run }
    this.#pending.push(entry)
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== entry)
      }
    }
  }

  /** Moves time on by `ms`, running what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#pending.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#pending = this.#pending.filter((entry) => entry !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }
}
