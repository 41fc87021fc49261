// The boots as they happen, for a person: a line for each event, and on a terminal a bar for each machine that moves bytes.
import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import type { Output } from '../cli/context.ts'
import type { Mac } from '../net/mac.ts'
import { formatBytes } from '../units.ts'
import type { BootEvent } from './timeline.ts'

/** Of the terminal's line, which may hold what is left of a bar. */
const ERASE_REST = '\x1b[K'

export interface DisplayOptions {
  readonly output: Output
  /** What a machine is called. */
  readonly name: (mac: Mac) => string
  /** When it was powered on, in ms since 1970. */
  readonly poweredOnAt: (mac: Mac) => number
}

export class Display {
  readonly #options: DisplayOptions
  readonly #bars: MultiBar | undefined
  readonly #moving = new Map<Mac, SingleBar>()

  constructor(options: DisplayOptions) {
    this.#options = options
    const { output: stream } = options
    this.#bars = stream.isTTY
      ? new MultiBar(
          { stream, format: '          {name}  {step} {bar} {words}', hideCursor: true, clearOnComplete: true },
          Presets.shades_classic
        )
      : undefined
  }

  show(event: BootEvent): void {
    if (event.outcome === 'progress') this.#move(event)
    else this.#tell(event)
  }

  line(text: string): void {
    const whole = this.#bars ? `${text}${ERASE_REST}\n` : `${text}\n`
    if (this.#bars && this.#moving.size > 0) {
      this.#bars.log(whole)
      this.#bars.update()
    } else {
      this.#options.output.write(whole)
    }
  }

  stop(): void {
    for (const mac of [...this.#moving.keys()]) this.#stopBar(mac)
    this.#bars?.stop()
  }

  #tell(event: BootEvent): void {
    this.#stopBar(event.mac)
    const { name, poweredOnAt } = this.#options
    const seconds = (Math.max(0, event.at - poweredOnAt(event.mac)) / 1000).toFixed(1)
    const words = [name(event.mac), event.step.padEnd(9), event.outcome.padEnd(7), event.detail].join('  ')
    this.line(`${seconds.padStart(6)} s  ${words.trimEnd()}`)
  }

  #move({ mac, step, doneBytes, totalBytes, bytesPerSecond }: BootEvent): void {
    if (!this.#bars || doneBytes === undefined || !totalBytes) return
    const rate = bytesPerSecond === undefined ? '' : `, ${formatBytes(bytesPerSecond)}/s`
    const words = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${rate}`
    const payload = { name: this.#options.name(mac), step, words }
    const bar = this.#moving.get(mac) ?? this.#bars.create(totalBytes, 0, payload)
    this.#moving.set(mac, bar)
    bar.setTotal(totalBytes)
    bar.update(doneBytes, payload)
  }

  #stopBar(mac: Mac): void {
    const bar = this.#moving.get(mac)
    if (!bar) return
    this.#moving.delete(mac)
    this.#bars?.remove(bar)
  }
}
