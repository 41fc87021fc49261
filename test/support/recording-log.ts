// A log that a test can read.
import { Writable } from 'node:stream'
import { createLog, type Log } from '../../server/log.ts'

export interface LogLine {
  /** As pino counts: 20 is debug, 30 info, 40 warn, 50 error. */
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export function recordingLog(level = 'info'): { readonly log: Log; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    }
  })
  return { log: createLog({ level, destination }), lines }
}
