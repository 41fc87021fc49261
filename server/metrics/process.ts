// What is measured of the process itself, under the names that every Prometheus client uses, and how late its timers are.
import { readdir, readFile } from 'node:fs/promises'
import type { Clock, Timer } from '../clock.ts'
import { counter, type Family, gauge, histogram } from './exposition.ts'
import { Histogram, LATENCY_SECONDS } from './histogram.ts'

const LOOK_EVERY_MS = 500

/** How long the event loop keeps what is due waiting: sampled, so that being idle costs nothing. */
export class LoopLag {
  readonly #seconds = new Histogram(LATENCY_SECONDS)
  readonly #clock: Clock
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#look()
  }

  collect(): Family {
    return histogram('rootcast_event_loop_lag_seconds', 'How late timers were', this.#seconds.read())
  }

  close(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    const dueAt = this.#clock.monotonic() + LOOK_EVERY_MS
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#seconds.observe(Math.max(0, this.#clock.monotonic() - dueAt) / 1000)
      this.#look()
    })
  }
}

export async function collectProcess(clock: Clock, version: string): Promise<readonly Family[]> {
  const { user, system } = process.cpuUsage()
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const open = await readdir('/proc/self/fd')
  return [
    gauge('rootcast_build_info', 'Which versions run', [
      { labels: { version, node: process.versions.node }, value: 1 }
    ]),
    counter('process_cpu_seconds_total', 'CPU time', (user + system) / 1e6),
    gauge('process_start_time_seconds', 'When the process began, since 1970', clock.now() / 1000 - process.uptime()),
    gauge('process_resident_memory_bytes', 'Resident memory', rss),
    gauge('process_open_fds', 'Open file descriptors', open.length),
    gauge('process_max_fds', 'How many file descriptors may be open', await descriptorLimit()),
    gauge('nodejs_heap_size_total_bytes', 'Heap that V8 has', heapTotal),
    gauge('nodejs_heap_size_used_bytes', 'Heap that is in use', heapUsed),
    gauge('nodejs_external_memory_bytes', 'Memory of buffers outside of the heap', external)
  ]
}

async function descriptorLimit(): Promise<number> {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8')) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
