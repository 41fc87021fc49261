// Check-ins: what the initramfs and the booted system tell of one step.
//
//   step SP outcome [SP done SP total] LF detail
import { type BootEvent, STEPS, type Step } from './model.ts'
import type { Observation } from './progress.ts'

/** Bytes of the longest check-in: a first line and 8 KiB of detail. */
export const CHECKIN_LENGTH = 256 + 8192

const OUTCOMES = ['started', 'progress', 'ok', 'failed'] as const

/** A check-in that says nothing we know: answered with 400. */
export class MalformedCheckIn extends Error {
  readonly code = 'MALFORMED_CHECKIN'

  constructor(what: string) {
    super(`malformed check-in: ${what}`)
    this.name = 'MalformedCheckIn'
  }
}

/** @throws MalformedCheckIn */
export function parseCheckIn(body: string): Observation {
  const text = body.slice(0, CHECKIN_LENGTH)
  const end = text.search(/\r?\n|$/)
  const [step = '', outcome = '', done, total, ...rest] = text.slice(0, end).trim().split(/ +/)
  if (!isStep(step)) throw new MalformedCheckIn('unknown step')
  if (!isOutcome(outcome)) throw new MalformedCheckIn('unknown outcome')
  if ((done === undefined) !== (total === undefined) || rest.length > 0) throw new MalformedCheckIn('first line')
  return {
    step,
    outcome,
    detail: readable(text.slice(end)),
    doneBytes: byteCount(done),
    totalBytes: byteCount(total),
    fatal: outcome === 'failed'
  }
}

function isStep(word: string): word is Step {
  return STEPS.some((step) => step === word)
}

function isOutcome(word: string): word is BootEvent['outcome'] {
  return OUTCOMES.some((outcome) => outcome === word)
}

function byteCount(word: string | undefined): number | undefined {
  if (word === undefined) return undefined
  const count = /^\d{1,15}$/.test(word) ? Number(word) : Number.NaN
  if (Number.isNaN(count)) throw new MalformedCheckIn('byte counts')
  return count
}

/** A log's tail without what would move an administrator's cursor. */
function readable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, ' ')
    .trim()
}
