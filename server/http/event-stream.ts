// Server-sent events (WHATWG HTML §9.2), to listeners that may be slow, go away, or outlive us.
import { Readable } from 'node:stream'
import type { Clock, Timer } from '../clock.ts'

export const EVENT_STREAM_MEDIA_TYPE = 'text/event-stream'

export interface EventStreamOptions {
  readonly clock: Clock
  /** A comment is sent so often, so that a dead connection is noticed and a proxy keeps a quiet one. */
  readonly heartbeatMs?: number
  /** A listener that is further behind than this is dropped: it can come back and read the list. */
  readonly maxBehindBytes?: number
}

export class EventStream extends Readable {
  readonly #clock: Clock
  readonly #heartbeatMs: number
  readonly #maxBehindBytes: number
  #heartbeat: Timer | undefined
  #finished = false

  constructor({ clock, heartbeatMs = 15_000, maxBehindBytes = 1 << 20 }: EventStreamOptions) {
    super()
    this.#clock = clock
    this.#heartbeatMs = heartbeatMs
    this.#maxBehindBytes = maxBehindBytes
    // Sent at once, so that the listener knows that it is listening.
    this.push(': listening\n\n')
    this.#beat()
  }

  /** @param data becomes JSON, which has no line breaks of its own. */
  tell(event: string, data: object): void {
    this.#send(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Ends the answer in good order. */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#heartbeat?.cancel()
    if (!this.destroyed) this.push(null)
  }

  override _read(): void {
    // What happens is pushed when it happens.
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#heartbeat?.cancel()
    done(error)
  }

  #beat(): void {
    this.#heartbeat = this.#clock.after(this.#heartbeatMs, () => {
      this.#send(': still here\n\n')
      if (!this.destroyed) this.#beat()
    })
  }

  #send(text: string): void {
    if (this.#finished || this.destroyed) return
    this.push(text)
    if (this.readableLength > this.#maxBehindBytes) this.destroy()
  }
}
