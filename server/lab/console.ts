// A client's serial console: everything that it ever said, a log of it on disk, and waiting for words with a deadline.
import { appendFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Clock, Timer } from '../clock.ts'

/** The words that somebody waited for did not come. */
export class ConsoleDeadline extends Error {
  readonly code = 'LAB_CONSOLE_DEADLINE'
  constructor(name: string, pattern: RegExp, why: string, tail: string) {
    super(`${name}: ${why} while waiting for ${pattern}; the console ended with:\n${tail}`)
    this.name = 'ConsoleDeadline'
  }
}

export interface ConsoleOptions {
  /** Whose console this is, for messages. */
  readonly name: string
  readonly output: Readable
  readonly input: Writable
  /** Appended to, raw: the log of a failed boot is evidence. */
  readonly logPath: string
  readonly clock: Clock
}

export interface UntilOptions {
  readonly timeoutMs: number
  /** Words after which waiting is pointless, such as a kernel panic. */
  readonly unless?: RegExp | undefined
}

interface Waiter {
  readonly pattern: RegExp
  readonly unless: RegExp | undefined
  readonly timer: Timer
  readonly found: (match: RegExpExecArray) => void
  readonly failed: (error: ConsoleDeadline) => void
}

const TAIL_LENGTH = 2000

export class SerialConsole {
  readonly #options: ConsoleOptions
  readonly #waiters = new Set<Waiter>()
  #text = ''
  /** The beginning of a control sequence whose end has not come yet. */
  #cut = ''
  #mark = 0
  readonly #end = Promise.withResolvers<string>()
  #ended: string | undefined

  constructor(options: ConsoleOptions) {
    this.#options = options
    options.output.setEncoding('utf8')
    options.output.on('data', (chunk: string) => this.#hear(chunk))
    options.output.on('close', () => this.end('the machine went off'))
    options.input.on('error', () => this.end('the machine went off')) // EPIPE
  }

  /** Resolves with why nothing more will be said. */
  get ended(): Promise<string> {
    return this.#end.promise
  }

  /** All that was said so far, without control sequences and carriage returns. */
  get text(): string {
    return this.#text
  }

  write(keys: string): void {
    if (this.#ended === undefined) this.#options.input.write(keys)
  }

  /** Waits for words that come after the last ones waited for. */
  until(pattern: RegExp, { timeoutMs, unless }: UntilOptions): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const give = (why: string): ConsoleDeadline =>
        new ConsoleDeadline(this.#options.name, pattern, why, this.#text.slice(-TAIL_LENGTH))
      const waiter: Waiter = {
        pattern,
        unless,
        timer: this.#options.clock.after(timeoutMs, () => {
          this.#waiters.delete(waiter)
          reject(give(`nothing for ${timeoutMs} ms`))
        }),
        found: resolve,
        failed: reject
      }
      this.#waiters.add(waiter)
      this.#serve()
    })
  }

  /** Nothing more is to be expected: whoever waits is told `why`. */
  end(why: string): void {
    this.#ended ??= why
    this.#end.resolve(why)
    this.#serve()
  }

  /** Passes what comes from now on to somebody's terminal as it is; the returned function ends it. */
  follow(listener: (raw: string) => void): () => void {
    this.#options.output.on('data', listener)
    return () => this.#options.output.off('data', listener)
  }

  #hear(chunk: string): void {
    appendFileSync(this.#options.logPath, chunk)
    const { text, cut } = plain(this.#cut + chunk)
    this.#text += text
    this.#cut = cut
    this.#serve()
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      const unheard = this.#text.slice(this.#mark)
      const match = waiter.pattern.exec(unheard)
      if (match !== null) {
        this.#mark += match.index + match[0].length
        this.#settle(waiter, () => waiter.found(match))
      } else if (this.#ended !== undefined) {
        this.#fail(waiter, this.#ended)
      } else {
        const pointless = waiter.unless?.exec(unheard)
        if (pointless) this.#fail(waiter, `it said “${pointless[0]}”`)
      }
    }
  }

  #fail(waiter: Waiter, why: string): void {
    const tail = this.#text.slice(-TAIL_LENGTH)
    this.#settle(waiter, () => waiter.failed(new ConsoleDeadline(this.#options.name, waiter.pattern, why, tail)))
  }

  #settle(waiter: Waiter, conclude: () => void): void {
    waiter.timer.cancel()
    this.#waiters.delete(waiter)
    conclude()
  }
}

// CSI sequences, two-character escapes, and OSC strings (systemd names the terminal's window with one).
const ESCAPES = /\x1b(?:\[[0-9;?=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[^[\]()])/g
const UNFINISHED = /\x1b(?:\[[0-9;?=>]*[ -/]*|\][^\x07\x1b]{0,200}|[()])?$/

/** Text as a person would read it, and the beginning of a control sequence that the next chunk will finish. */
export function plain(raw: string): { readonly text: string; readonly cut: string } {
  const cut = UNFINISHED.exec(raw)?.[0] ?? ''
  const whole = raw.slice(0, raw.length - cut.length)
  return { text: whole.replace(ESCAPES, '').replaceAll('\r', ''), cut }
}
