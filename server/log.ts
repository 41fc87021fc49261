// One logger for the process; every part gets a child of it that says who speaks.
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

/** Wherever one of these stands in a log entry, its value is replaced. */
const SECRETS = ['token', 'authorization', 'cookie', 'password'].flatMap((key) => [
  key,
  `*.${key}`,
  `*.*.${key}`,
  `*.*.*.${key}`
])

export interface LogSettings {
  readonly level: string
  /** Where entries go: pretty on a terminal, a line of JSON each otherwise. */
  readonly destination: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

export function createLog({ level, destination }: LogSettings): Log {
  const stream = destination.isTTY
    ? pretty({
        destination,
        colorize: process.env.NO_COLOR === undefined,
        translateTime: 'HH:MM:ss',
        ignore: 'pid,hostname'
      })
    : destination
  return pino({ level, redact: { paths: SECRETS, censor: '[redacted]' } }, stream)
}
