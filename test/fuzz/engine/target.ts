// Something that takes bytes from strangers.

/** A part of an input that makes sense by itself: an option, a line, a record. End exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Target {
  readonly name: string
  readonly maxBytes: number
  /** Good inputs to begin with. */
  seeds(): readonly Uint8Array[]
  /** Where an input may be cut and joined so that it stays one, more or less. */
  spans(input: Buffer): readonly Span[]
  /**
   * Throws what is wrong. It gives its own copy of `input` away: nobody else reads it afterwards.
   *
   * What it leaves behind must not change what the next input does.
   */
  run(input: Buffer): void | Promise<void>
  /** Branches taken, besides a number for each byte; default 50,000. */
  readonly baseWork?: number
  readonly workPerByte?: number
}

/** What ought to hold and did not. */
export class Violation extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'Violation'
  }
}

export function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what)
}

/** Runs it; what it throws must be one of these. */
export function tolerate<T>(run: () => T, ...expected: readonly (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return run()
  } catch (error) {
    if (expected.some((type) => error instanceof type)) return undefined
    throw error
  }
}
