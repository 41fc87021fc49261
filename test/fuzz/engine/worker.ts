// One target in a thread of its own, so that a hang can be ended and memory has a bound.
import { parentPort, workerData } from 'node:worker_threads'
import { readCorpus, replaceCorpus } from './corpus.ts'
import { type Failure, Fuzzer, kindOf } from './fuzzer.ts'
import { instrument } from './instrument.ts'
import { Probes } from './probes.ts'
import type { Target } from './target.ts'

export interface Assignment {
  /** Instrumented: URLs that end in a slash. */
  readonly roots: readonly string[]
  /** The module's URL, and which of the targets that it exports. */
  readonly module: string
  readonly target: string
  readonly seed: number
  /** 0: the corpus only. */
  readonly seconds: number
  readonly keepsCorpus: boolean
  /** Different ones; then it stops. */
  readonly mostFailures: number
  /** Its length as u32, then the input that is being run. */
  readonly current: SharedArrayBuffer
  /** Counts inputs: it stands still while one hangs. */
  readonly progress: SharedArrayBuffer
}

export interface Found {
  readonly input: Uint8Array
  readonly error: string
}

export interface Report {
  readonly inputs: number
  readonly fromCorpus: number
  readonly corpus: number
  readonly reached: number
  readonly branches: number
  readonly failures: readonly Found[]
}

const CHECK_MEMORY_EVERY = 512
const MOST_OUTSIDE_HEAP_BYTES = 256 * 1024 * 1024

const assignment: Assignment = workerData
parentPort?.postMessage(await work(assignment))

async function work({ module, target: name, ...assignment }: Assignment) {
  const { roots, seed, seconds, keepsCorpus, mostFailures, current, progress } = assignment
  const probes = new Probes()
  const words = new Set<string | number>()
  instrument(roots, { probes, words })
  const { targets }: { targets: readonly Target[] } = await import(module)
  const target = targets.find((one) => one.name === name)
  if (!target) throw new Error(`${module} has no target ${name}`)

  const onInput = watched(current, progress)
  const fuzzer = new Fuzzer({ target, probes, words, seed, onInput })
  const failures = new Map<string, Failure>()
  const note = (failure: Failure | undefined) => {
    if (failure) failures.set(kindOf(failure.error), failures.get(kindOf(failure.error)) ?? failure)
  }
  const kept = readCorpus(name)
  for (const { input } of kept) note(await fuzzer.feed(input))
  for (const seedInput of target.seeds()) note(await fuzzer.feed(seedInput))
  const until = performance.now() + seconds * 1000
  while (performance.now() < until && failures.size < mostFailures) {
    note(await fuzzer.next())
    if (fuzzer.inputs % CHECK_MEMORY_EVERY === 0 && process.memoryUsage().arrayBuffers > MOST_OUTSIDE_HEAP_BYTES) {
      throw new Error(`more than ${MOST_OUTSIDE_HEAP_BYTES} bytes are held outside the heap`)
    }
  }
  const { reached, total: branches } = probes
  const report = { inputs: fuzzer.inputs, fromCorpus: kept.length, corpus: fuzzer.corpus.length, reached, branches }
  if (keepsCorpus) replaceCorpus(name, await fuzzer.distilled())
  const found: Found[] = []
  for (const failure of failures.values()) {
    found.push({ input: await fuzzer.shortestFailure(failure), error: described(failure.error) })
  }
  return { ...report, failures: found } satisfies Report
}

/** Where the supervisor can see it. */
function watched(current: SharedArrayBuffer, progress: SharedArrayBuffer): (input: Buffer) => void {
  const bytes = new Uint8Array(current, 4)
  const length = new Uint32Array(current, 0, 1)
  const count = new Int32Array(progress)
  return (input) => {
    length[0] = Math.min(input.length, bytes.length)
    bytes.set(input.subarray(0, bytes.length))
    Atomics.add(count, 0, 1)
  }
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
