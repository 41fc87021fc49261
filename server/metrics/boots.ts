// What is measured of boots: how many there are, how they end, and how long each step takes.
import { type Boot, STEPS, type Step } from '../boot/model.ts'
import type { Progress } from '../boot/progress.ts'
import { byLabel, counter, type Family, gauge, histogram } from './exposition.ts'
import { Histogram } from './histogram.ts'

const STEP_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const

export class BootMetrics {
  #started = 0
  readonly #outcomes = { up: 0, failed: 0 }
  readonly #upSeconds = new Histogram(STEP_SECONDS)
  readonly #stepSeconds = new Map<Step, Histogram>()

  /** @param before undefined: the boot has just begun */
  advance(before: Progress | undefined, after: Progress): void {
    if (before === undefined) {
      this.#started += 1
      return
    }
    if (before.reached !== after.reached) {
      this.#step(before.reached).observe(Math.max(0, after.reachedAt - before.reachedAt) / 1000)
    }
    if (before.boot.state === after.boot.state) return
    if (after.boot.state === 'failed') this.#outcomes.failed += 1
    if (after.boot.state === 'running') {
      this.#outcomes.up += 1
      this.#upSeconds.observe(Math.max(0, after.boot.updatedAt - after.boot.startedAt) / 1000)
    }
  }

  collect(states: Readonly<Record<Exclude<Boot['state'], 'ended'>, number>>): readonly Family[] {
    return [
      gauge('rootcast_machines', 'Machines by the state of their latest boot', byLabel('state', states)),
      counter('rootcast_boots_started_total', 'Boots that began', this.#started),
      counter('rootcast_boots_total', 'Boots by how they came out', byLabel('outcome', this.#outcomes)),
      histogram('rootcast_boot_seconds', 'From the first packet to a running system', this.#upSeconds.read()),
      histogram(
        'rootcast_boot_step_seconds',
        'From the first sign of a step to that of the next one',
        STEPS.flatMap((step) => {
          const seconds = this.#stepSeconds.get(step)
          return seconds === undefined ? [] : [{ labels: { step }, value: seconds.read() }]
        })
      )
    ]
  }

  #step(step: Step): Histogram {
    const known = this.#stepSeconds.get(step)
    if (known) return known
    const made = new Histogram(STEP_SECONDS)
    this.#stepSeconds.set(step, made)
    return made
  }
}
