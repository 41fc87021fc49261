// What a face has answered, counted where requests come in: nothing that a route does can get past it.

import type { Clock } from '../clock.ts'
import type { IncomingMessage, Server, ServerResponse } from '../node-http.ts'

/** Why a connection was turned away or closed. */
export type DropReason =
  | 'too-many'
  | 'too-many-of-address'
  | 'to-make-room'
  | 'no-request'
  | 'endless-request'
  | 'stalled-download'

/** Since the start. Readable at any time; only the face writes. */
export interface HttpCounters {
  requests: number
  requestsInFlight: number
  /** By status; a request whose connection broke before an answer began is not among them. */
  readonly answers: Record<number, number>
  /** Of files and scripts, without headers. */
  sentBytes: number
  /** Connections turned away or closed. */
  readonly drops: Record<DropReason, number>
}

export function newHttpCounters(): HttpCounters {
  const drops = {
    'too-many': 0,
    'too-many-of-address': 0,
    'to-make-room': 0,
    'no-request': 0,
    'endless-request': 0,
    'stalled-download': 0
  }
  return { requests: 0, requestsInFlight: 0, answers: {}, sentBytes: 0, drops }
}

export interface CountingDeps {
  readonly counters: HttpCounters
  readonly clock: Clock
  /** The seconds from a request's headers to the first byte of its answer. */
  readonly onBegun?: (seconds: number) => void
  /** The seconds from a request's headers to the end of its answer. */
  readonly onAnswered?: (seconds: number) => void
}

/** A request that is being answered. */
export class CountedRequest {
  readonly #deps: CountingDeps
  readonly #startedAt: number

  constructor(deps: CountingDeps) {
    this.#deps = deps
    this.#startedAt = deps.clock.monotonic()
    deps.counters.requests += 1
    deps.counters.requestsInFlight += 1
  }

  /** The head of its answer leaves. */
  begun(): void {
    this.#deps.onBegun?.(this.#seconds())
  }

  /** It is over. @param status of the answer, if there was one */
  ended(status: number | undefined): void {
    const { counters, onAnswered } = this.#deps
    counters.requestsInFlight -= 1
    if (status === undefined) return
    counters.answers[status] = (counters.answers[status] ?? 0) + 1
    onAnswered?.(this.#seconds())
  }

  #seconds(): number {
    return (this.#deps.clock.monotonic() - this.#startedAt) / 1000
  }
}

/** Counts those that node:http reads. */
export function countRequests(server: Server, deps: CountingDeps): void {
  // Before what answers it, which may do so at once.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    const counted = new CountedRequest(deps)
    // Node tells of no head that leaves, but each goes through here.
    const { writeHead } = response
    response.writeHead = (...head: unknown[]) => {
      counted.begun()
      return Reflect.apply(writeHead, response, head)
    }
    response.once('close', () => counted.ended(response.headersSent ? response.statusCode : undefined))
  })
}
