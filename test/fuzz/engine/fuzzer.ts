// Feeds inputs to a target, keeps those that reach something new, and makes the next ones of them.
import { type Mutations, mutate } from './mutate.ts'
import type { Probes } from './probes.ts'
import { Random } from './random.ts'
import type { Target } from './target.ts'

export interface FuzzerOptions {
  readonly target: Target
  readonly probes: Probes
  readonly words: ReadonlySet<string | number>
  readonly seed: number
  /** Before an input is run: should the target hang, somebody else has to know with what. */
  onInput(input: Buffer): void
}

export interface Failure {
  readonly input: Buffer
  readonly error: unknown
}

const BASE_WORK = 50_000
const WORK_PER_BYTE = 200
/** To make one input shorter. */
const MOST_TRIES = 1000

export class Fuzzer {
  readonly corpus: Buffer[] = []
  readonly #options: FuzzerOptions
  readonly #random: Random
  readonly #mutations: Mutations
  inputs = 0

  constructor(options: FuzzerOptions) {
    const { target, words, seed } = options
    this.#options = options
    this.#random = new Random(seed)
    this.#mutations = {
      random: this.#random,
      words: [...words].flatMap(spellings),
      maxBytes: target.maxBytes,
      spans: (input) => target.spans(input)
    }
  }

  /** Runs a given input, and keeps it when it reaches something new. */
  async feed(input: Uint8Array): Promise<Failure | undefined> {
    const own = Buffer.from(input)
    const failure = await this.#run(own)
    if (!failure && this.#options.probes.isNew()) this.corpus.push(own)
    return failure
  }

  /** Makes an input, and feeds it. */
  next(): Promise<Failure | undefined> {
    return this.feed(mutate(this.#one(), this.#one(), this.#mutations))
  }

  /** Small inputs that together take all the branches that the corpus does. */
  async distilled(): Promise<readonly Buffer[]> {
    const reached = new Set<number>()
    const chosen: Buffer[] = []
    for (const input of this.corpus.toSorted((a, b) => a.length - b.length || a.compare(b))) {
      if (await this.#run(input)) continue
      const taken = this.#options.probes.taken()
      if (taken.every((branch) => reached.has(branch))) continue
      const fresh = taken.filter((branch) => !reached.has(branch))
      chosen.push(
        await this.#shortest(input, async (shorter) => {
          if (await this.#run(shorter)) return false
          const branches = new Set(this.#options.probes.taken())
          return fresh.every((branch) => branches.has(branch))
        })
      )
      for (const branch of taken) reached.add(branch)
    }
    return chosen
  }

  /** The shortest input that fails in the same way. */
  shortestFailure({ input, error }: Failure): Promise<Buffer> {
    const kind = kindOf(error)
    return this.#shortest(input, async (shorter) => {
      const failure = await this.#run(shorter)
      return failure !== undefined && kindOf(failure.error) === kind
    })
  }

  async #shortest(input: Buffer, stillDoes: (shorter: Buffer) => Promise<boolean>): Promise<Buffer> {
    let best = input
    let tries = MOST_TRIES
    for (let length = best.length >> 1; length > 0; length >>= 1) {
      for (let at = 0; at < best.length && tries > 0; tries--) {
        const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + length)])
        if (await stillDoes(shorter)) best = shorter
        else at += length
      }
    }
    return best
  }

  async #run(input: Buffer): Promise<Failure | undefined> {
    const { target, probes, onInput } = this.#options
    this.inputs++
    onInput(input)
    probes.begin((target.baseWork ?? BASE_WORK) + (target.workPerByte ?? WORK_PER_BYTE) * input.length)
    try {
      const running = target.run(Buffer.from(input))
      if (running) await running
      return undefined
    } catch (error) {
      return { input, error }
    } finally {
      probes.end()
    }
  }

  /** The newest are the most promising. */
  #one(): Buffer {
    const { length } = this.corpus
    const from = this.#random.below(3) === 0 ? Math.floor(length * 0.8) : 0
    return this.corpus[from + this.#random.below(length - from)] ?? Buffer.alloc(0)
  }
}

/** Two failures at the same place in the code are the same one. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const place =
    error.stack
      ?.split('\n')
      .find((line) => line.includes('/server/'))
      ?.trim() ?? ''
  return error.name === 'Violation' ? error.message.replaceAll(/\d+/g, 'N') : `${error.name} ${place}`
}

/** As it may stand in an input: a word as it is, a number in bytes and in digits. */
function spellings(word: string | number): Buffer[] {
  if (typeof word === 'string') return [Buffer.from(word, 'latin1')]
  const digits = Buffer.from(String(word))
  if (word <= 0xff) return [Buffer.of(word), digits]
  if (word <= 0xffff) return [Buffer.of(word >> 8, word & 0xff), digits]
  if (word > 0xffffffff) return [digits]
  const wide = Buffer.alloc(4)
  wide.writeUInt32BE(word)
  return [wide, digits]
}
