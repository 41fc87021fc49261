// Starts a target's thread, and ends it when an input hangs or eats up the memory.
import { Worker } from 'node:worker_threads'
import type { Assignment, Found, Report } from './worker.ts'

export interface Job {
  /** A file URL. */
  readonly module: string
  readonly target: string
  readonly seed: number
  /** 0: replay the corpus, no more. */
  readonly seconds: number
  readonly keepsCorpus: boolean
  /** Different ones; then it stops. */
  readonly mostFailures: number
}

/** One input may take so long, on however busy a machine. */
const HANG_MS = 20_000
const LONGEST_INPUT = 1 << 20
const HEAP_MEGABYTES = 256
const SERVER = new URL('../../../server/', import.meta.url).href

export async function fuzz(job: Job, roots: readonly string[] = [SERVER], hangMs = HANG_MS): Promise<Report> {
  const current = new SharedArrayBuffer(4 + LONGEST_INPUT)
  const progress = new SharedArrayBuffer(4)
  const assignment: Assignment = { ...job, roots, current, progress }
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: assignment,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES }
  })
  const { promise, resolve } = Promise.withResolvers<Report>()
  const count = new Int32Array(progress)
  const giveUp = (error: string) => resolve({ ...NOTHING, inputs: count[0] ?? 0, failures: [caught(current, error)] })
  let seen = -1
  const watch = setInterval(() => {
    if (count[0] === seen) giveUp(`one input took longer than ${hangMs / 1000} s`)
    seen = count[0] ?? 0
  }, hangMs)
  worker.on('message', (report: Report) => resolve(report))
  worker.on('error', (error) => giveUp(error instanceof Error ? (error.stack ?? error.message) : String(error)))
  const report = await promise
  clearInterval(watch)
  await worker.terminate()
  return report
}

const NOTHING = { fromCorpus: 0, corpus: 0, reached: 0, branches: 0 }

/** The input that was being run when the thread ended. */
function caught(current: SharedArrayBuffer, error: string): Found {
  const [length = 0] = new Uint32Array(current, 0, 1)
  return { input: Uint8Array.from(new Uint8Array(current, 4, length)), error }
}
