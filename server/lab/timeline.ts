// Boots as the server tells them, live: the admin API's event stream, remembered, and waiting for a step of a machine.
import type { Static } from 'typebox'
import type { Step } from '../boot/model.ts'
import type { ApiClient } from '../cli/client.ts'
import type { Clock, Timer } from '../clock.ts'
import { BootEventSchema } from '../http/schema.ts'
import type { Mac } from '../net/mac.ts'

export type BootEvent = Static<typeof BootEventSchema>

/** A boot went wrong, or not far enough in time. */
export class BootNotReached extends Error {
  readonly code = 'LAB_BOOT_NOT_REACHED'
  override readonly name = 'BootNotReached'
}

interface Waiter {
  readonly mac: Mac
  readonly from: number
  readonly take: (event: BootEvent) => boolean
}

export class Timeline {
  readonly #clock: Clock
  readonly #events: BootEvent[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #listeners = new Set<(event: BootEvent) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Reads the stream until it ends; an aborted signal of `api` ends it quietly. */
  async follow(api: ApiClient, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of api.events('/boots/events', BootEventSchema)) this.#hear(event)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  get events(): readonly BootEvent[] {
    return this.#events
  }

  onEvent(listener: (event: BootEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A place in the stream: `until` can be told to look only at what comes after it. */
  mark(): number {
    return this.#events.length
  }

  /** Resolves with the event that says that `mac` finished `step`; a failed step rejects at once. */
  until(mac: Mac, step: Step, timeoutMs: number, from: number): Promise<BootEvent> {
    return this.#wait(mac, step, timeoutMs, from, (event) => {
      if (event.outcome === 'failed') throw new BootNotReached(`${mac}: ${event.step} failed: ${event.detail}`)
      return event.step === step && event.outcome === 'ok'
    })
  }

  /** Resolves with the event that says that `step` of `mac` failed. */
  untilFailed(mac: Mac, step: Step, timeoutMs: number, from: number): Promise<BootEvent> {
    return this.#wait(mac, step, timeoutMs, from, (event) => event.step === step && event.outcome === 'failed')
  }

  #wait(
    mac: Mac,
    step: Step,
    timeoutMs: number,
    from: number,
    matches: (event: BootEvent) => boolean
  ): Promise<BootEvent> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const settle = (conclude: () => void) => {
        timer?.cancel()
        this.#waiters.delete(waiter)
        conclude()
      }
      const waiter: Waiter = {
        mac,
        from,
        take: (event) => {
          try {
            if (!matches(event)) return false
            settle(() => resolve(event))
          } catch (error) {
            settle(() => reject(error))
          }
          return true
        }
      }
      for (const event of this.#events.slice(from)) if (event.mac === mac && waiter.take(event)) return
      this.#waiters.add(waiter)
      timer = this.#clock.after(timeoutMs, () =>
        settle(() => reject(new BootNotReached(`${mac}: no ${step} within ${timeoutMs} ms; ${this.#last(mac)}`)))
      )
    })
  }

  #last(mac: Mac): string {
    const last = this.#events.findLast((event) => event.mac === mac)
    return last ? `the last that it did was ${last.step} (${last.outcome}) ${last.detail}` : 'it was never heard of'
  }

  #hear(event: BootEvent): void {
    this.#events.push(event)
    for (const waiter of [...this.#waiters]) if (waiter.mac === event.mac) waiter.take(event)
    for (const listener of this.#listeners) listener(event)
  }
}
