// What a face has answered, counted where requests come in: nothing that a route does can get past it.

import { type Clock } from '../clock.ts'
import { type IncomingMessage, type Server, type ServerResponse } from '../node-http.ts'

/** Since the start. Readable at any time; only the face writes. */
export interface HttpCounters {
  requests: number
  requestsInFlight: number
  /** By status; a request whose connection broke before an answer began is not among them. */
  readonly answers: Record<number, number>
  /** Of files and scripts, without headers. */
  sentBytes: number
  /** Turned away, because there were too many. */
  refusedConnections: number
}

export function newHttpCounters(): HttpCounters {
  return { requests: 0, requestsInFlight: 0, answers: {}, sentBytes: 0, refusedConnections: 0 }
}

export interface CountingDeps {
  readonly counters: HttpCounters
  readonly clock: Clock
  /** The seconds from a request's headers to the end of its answer. */
  readonly onAnswered?: (seconds: number) => void
}

/** Counts a request that begins. Call what is returned when it is over, with the status of the answer if there was one. */
export function countRequest({ counters, clock, onAnswered }: CountingDeps): (status: number | undefined) => void {
  const startedAt = clock.monotonic()
  counters.requests += 1
  counters.requestsInFlight += 1
  return (status) => {
    counters.requestsInFlight -= 1
    if (status === undefined) return
    counters.answers[status] = (counters.answers[status] ?? 0) + 1
    onAnswered?.((clock.monotonic() - startedAt) / 1000)
  }
}

/** Counts those that node:http reads. */
export function countRequests(server: Server, deps: CountingDeps): void {
  // Before what answers it, which may do so at once.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    const done = countRequest(deps)
    response.once('close', () => done(response.headersSent ? response.statusCode : undefined))
  })
}
