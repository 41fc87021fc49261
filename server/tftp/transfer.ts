// One read transfer as a pure state machine (RFC 1350, 2347, 7440; RFC 1123 §4.2.3).
// It counts blocks and never touches bytes, sockets, files or timers: `at` is the driver's monotonic clock, in ms.
// On `send` the driver transmits blocks `from…to`; it sleeps until `wakeAt`.

export interface TransferTerms {
  /** ⌊size / blksize⌋ + 1: an exact multiple ends with an empty block. */
  readonly blocks: number
  readonly windowsize: number
  /** Options were granted, so block 0 is the OACK. */
  readonly oack: boolean
  /** Until a round trip was measured. */
  readonly initialTimeoutMs: number
  /** The least to wait beyond the measured round trip. Raspberry Pi 4 start4.elf breaks on a doubled block and needs a second. */
  readonly minTimeoutMs: number
  readonly maxTimeoutMs: number
  /** Silence ends the transfer after this long, and after no fewer than `minTries` sends of the same block. */
  readonly giveUpAfterMs: number
  readonly minTries: number
}

export interface Transfer {
  readonly terms: TransferTerms
  /** Absolute, not the 16-bit number on the wire; -1 until the OACK is acknowledged. */
  readonly acked: number
  /** The highest block that ever left. */
  readonly sentTo: number
  /** Blocks from here to `sentTo` left once only, at `sentAt`: their ACK measures the round trip. */
  readonly freshFrom: number
  /** Blocks up to here were waited for in vain. */
  readonly timedOutTo: number
  readonly sentAt: number
  /** When the client was last seen to advance. */
  readonly progressAt: number
  /** How often `acked + 1` was sent in vain. */
  readonly tries: number
  /** What is left of the back-off after an ACK that may have answered either of two sends (Karn): doublings. */
  readonly caution: number
  readonly roundTripMs: number | undefined
  readonly variationMs: number
  readonly wakeAt: number
}

export type Input =
  /** `block` is the 16-bit number. */
  | { readonly kind: 'ack'; readonly block: number; readonly at: number }
  /** The same RRQ came again. */
  | { readonly kind: 'request'; readonly at: number }
  /** What `send` asked for has left only now: its bytes had to be read first. */
  | { readonly kind: 'sent'; readonly at: number }
  | { readonly kind: 'wake'; readonly at: number }
  | { readonly kind: 'error' }
  /** The client's host says that nobody listens there any more. */
  | { readonly kind: 'unreachable' }

export type Step =
  /** Block 0 is the OACK. */
  | { readonly kind: 'send'; readonly next: Transfer; readonly from: number; readonly to: number }
  | { readonly kind: 'wait'; readonly next: Transfer }
  /** `confirmed` is false when the final ACK never came. */
  | { readonly kind: 'done'; readonly next: Transfer; readonly confirmed: boolean }
  | { readonly kind: 'failed'; readonly reason: TransferFailure }

export type TransferFailure = 'refused-by-client' | 'timed-out' | 'client-gone'

const QUICK_TRIES = 4
/** In a lossy window few ACKs are of fresh blocks: without a bound the timeout would grow by each loss. */
const MAX_CAUTION = 3

export function begin(terms: TransferTerms, at: number): Step {
  const acked = terms.oack ? -1 : 0
  return send(
    {
      terms,
      acked,
      sentTo: acked,
      freshFrom: acked + 1,
      timedOutTo: acked,
      sentAt: at,
      progressAt: at,
      tries: 0,
      caution: 0,
      roundTripMs: undefined,
      variationMs: 0,
      wakeAt: at
    },
    at
  )
}

export function advance(t: Transfer, input: Input): Step {
  switch (input.kind) {
    case 'ack':
      return onAck(t, input.block, input.at)
    case 'wake':
      return onWake(t, input.at)
    case 'sent':
      return { kind: 'wait', next: { ...t, sentAt: input.at, wakeAt: input.at + timeoutMs(t) } }
    case 'request':
      return hasAnswered(t) ? { kind: 'wait', next: t } : send(t, input.at)
    case 'error':
      return { kind: 'failed', reason: 'refused-by-client' }
    case 'unreachable':
      return unlessFinished(t, 'client-gone')
  }
}

/** Whether the client has acknowledged anything at all. */
export function hasAnswered(t: Transfer): boolean {
  return t.acked > (t.terms.oack ? -1 : 0)
}

/** How long this transfer would now wait for an answer. */
export function timeoutMs(t: Transfer): number {
  const { initialTimeoutMs, minTimeoutMs, maxTimeoutMs } = t.terms
  const base =
    t.roundTripMs === undefined ? initialTimeoutMs : t.roundTripMs + Math.max(minTimeoutMs, 4 * t.variationMs)
  // After a few quick tries in vain it gets quiet soon: atftp waits for 5 s without a packet before it speaks again.
  return Math.min(maxTimeoutMs, base * 2 ** (t.caution + t.tries + Math.max(0, t.tries - QUICK_TRIES)))
}

function onAck(t: Transfer, block: number, at: number): Step {
  const progress = (block - t.acked) & 0xffff // survives the 16-bit rollover
  // A stale or repeated ACK never causes a send; only the timer does. Otherwise two duplicates double every later
  // block (RFC 1123 §4.2.3.1), and iPXE, PXELINUX, GRUB, curl and EDK2 repeat an ACK for every block they don't expect.
  if (progress === 0 || progress > t.sentTo - t.acked) return { kind: 'wait', next: t }
  const acked = t.acked + progress
  // Karn: what was sent twice measures nothing. But a rough first measure beats none: if it is too short,
  // caution grows until a block that was sent once tells better.
  const measured = acked >= t.freshFrom || t.roundTripMs === undefined ? measure(t, at - t.sentAt) : t
  const caution = acked > t.timedOutTo ? 0 : Math.min(MAX_CAUTION, t.caution + t.tries)
  const next = { ...measured, acked, caution, tries: 0, progressAt: at }
  return acked === t.terms.blocks ? { kind: 'done', next, confirmed: true } : send(next, at)
}

function onWake(t: Transfer, at: number): Step {
  if (at < t.wakeAt) return { kind: 'wait', next: t }
  const { minTries, giveUpAfterMs } = t.terms
  if (t.tries + 1 >= minTries && at - t.progressAt >= giveUpAfterMs) return unlessFinished(t, 'timed-out')
  return send({ ...t, tries: t.tries + 1, timedOutTo: t.sentTo }, at)
}

/** The last ACK may be lost, or never sent: a client that went silent after the last block has what it wanted. */
function unlessFinished(t: Transfer, reason: TransferFailure): Step {
  return hasAnswered(t) && t.sentTo === t.terms.blocks
    ? { kind: 'done', next: t, confirmed: false }
    : { kind: 'failed', reason }
}

/** From the block after the last one acknowledged: an ACK in mid-window restarts the window there, once. */
function send(t: Transfer, at: number): Step {
  const from = t.acked + 1
  const to = t.acked < 0 ? 0 : Math.min(t.terms.blocks, t.acked + t.terms.windowsize)
  const sentTo = Math.max(t.sentTo, to)
  const next = { ...t, sentTo, freshFrom: t.sentTo + 1, sentAt: at, wakeAt: at + timeoutMs(t) }
  return { kind: 'send', next, from, to }
}

/** RFC 6298 §2. The first measure is often of an OACK, far shorter than a window: it counts as uncertain. */
function measure(t: Transfer, sampleMs: number): Transfer {
  if (t.roundTripMs === undefined) {
    return { ...t, roundTripMs: sampleMs, variationMs: Math.max(sampleMs / 2, t.terms.minTimeoutMs) }
  }
  const variationMs = 0.75 * t.variationMs + 0.25 * Math.abs(t.roundTripMs - sampleMs)
  return { ...t, variationMs, roundTripMs: 0.875 * t.roundTripMs + 0.125 * sampleMs }
}
