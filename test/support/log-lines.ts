// A log that a test reads, line by line.
import { Writable } from 'node:stream'
import { createLog, type Log } from '../../server/log.ts'

export function readableLog(): { readonly log: Log; lines(): readonly Readonly<Record<string, unknown>>[] } {
  const written: string[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    }
  })
  return { log: createLog({ level: 'info', destination }), lines: () => written.map((line) => JSON.parse(line)) }
}
