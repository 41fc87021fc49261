// What a face has answered, counted at its server: nothing that a route does can get past it.
import { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Clock } from '../clock.ts'

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

interface CountingDeps {
  readonly counters: HttpCounters
  readonly clock: Clock
  /** The seconds from a request's headers to the end of its answer. */
  readonly onAnswered?: (seconds: number) => void
}

export function countRequests(server: Server, { counters, clock, onAnswered }: CountingDeps): void {
  server.on('drop', () => {
    counters.refusedConnections += 1
  })
  // Before what answers it, which may do so at once.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    const startedAt = clock.monotonic()
    counters.requests += 1
    counters.requestsInFlight += 1
    response.once('close', () => {
      counters.requestsInFlight -= 1
      if (!response.headersSent) return
      counters.answers[response.statusCode] = (counters.answers[response.statusCode] ?? 0) + 1
      onAnswered?.((clock.monotonic() - startedAt) / 1000)
    })
  })
}
