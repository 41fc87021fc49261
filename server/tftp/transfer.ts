// One read transfer as a pure state machine (RFC 1350, 2347, 7440; RFC 1123 §4.2.3).
// It counts blocks and never touches bytes, sockets, files or timers: `at` is the driver's monotonic clock, in ms.
// On `send` the driver transmits blocks `from…to`; it sleeps until `wakeAt`.
//
// A receiver acknowledges a whole window, or speaks up when a block comes that it does not expect (RFC 7440 §4). To less
// than a window it says nothing. So a window always leaves whole, though not always at once: where packets queue up on
// the way and get lost, it is spread over time, in slices.

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
  /** What is due next of the window under way. */
  readonly nextBlock: number
  /** When that window was begun. */
  readonly begunAt: number
  /** Over how long a window is spread; 0: it leaves at once. */
  readonly spreadMs: number
  /** Where the window was begun again, older copies of the blocks up to here were on their way already. */
  readonly doubledTo: number
  /** Packets come twice on this way, for what was taken for news of a loss was none: how often to doubt such news. */
  readonly doubts: number
  /** Where they do: what an ACK in mid-window tells is waited for a little. */
  readonly doubtful: boolean
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
  /** The shortest round trip: what is beyond it is time in queues. */
  readonly leastMs: number
  readonly wakeAt: number
}

/** A copy of its own that one step makes its changes in: there is one for each packet, and no more. */
type Draft = { -readonly [K in keyof Transfer]: Transfer[K] }

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
  /** The client asks for something else from the same port. */
  | { readonly kind: 'replaced' }

export type Step =
  /** Block 0 is the OACK. */
  | { readonly kind: 'send'; readonly next: Transfer; readonly from: number; readonly to: number }
  | { readonly kind: 'wait'; readonly next: Transfer }
  /** `confirmed` is false when the final ACK never came. */
  | { readonly kind: 'done'; readonly next: Transfer; readonly confirmed: boolean }
  | { readonly kind: 'failed'; readonly reason: TransferFailure }

export type TransferFailure = 'refused-by-client' | 'timed-out' | 'client-gone' | 'replaced'

const QUICK_TRIES = 4
/** In a lossy window few ACKs are of fresh blocks: without a bound the timeout would grow by each loss. */
const MAX_CAUTION = 3
/** Waits shorter than this are those of a busy host, and no queue of packets. */
const QUEUE_FLOOR_MS = 5
/** A host may be too busy, once, to tell of the next block. */
const DOUBTS = 2
/** A window spread over this many times the wait in a queue leaves most of the queue to others. */
const SPREAD_PER_WAIT = 2
/** And over this many, at most, where windows that are spread are lost all the same: the wait may be a busy host's. */
const MOST_SPREAD_PER_WAIT = 6
const SPREAD_GROWTH = 2
const MAX_SPREAD_MS = 250
/** After silence a window is spread over this part of the timeout: it may have been too much at once. */
const SPREAD_PER_TIMEOUT = 0.25
/** Slices closer than this are not worth a timer each. */
const MIN_SLICE_MS = 2

export function begin(terms: TransferTerms, at: number): Step {
  const acked = terms.oack ? -1 : 0
  return restart(
    {
      terms,
      acked,
      sentTo: acked,
      nextBlock: acked + 1,
      begunAt: at,
      spreadMs: 0,
      doubledTo: acked,
      doubts: 0,
      doubtful: false,
      freshFrom: acked + 1,
      timedOutTo: acked,
      sentAt: at,
      progressAt: at,
      tries: 0,
      caution: 0,
      roundTripMs: undefined,
      variationMs: 0,
      leastMs: Number.POSITIVE_INFINITY,
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
      return { kind: 'wait', next: { ...t, sentAt: input.at, wakeAt: input.at + (t.wakeAt - t.sentAt) } }
    case 'request':
      return hasAnswered(t) ? { kind: 'wait', next: t } : restart({ ...t }, input.at)
    case 'error':
      return { kind: 'failed', reason: 'refused-by-client' }
    case 'unreachable':
      return unlessFinished(t, 'client-gone')
    case 'replaced':
      return unlessFinished(t, 'replaced')
  }
}

/** Whether the client has acknowledged anything at all. */
export function hasAnswered(t: Transfer): boolean {
  return t.acked > (t.terms.oack ? -1 : 0)
}

/** How long this transfer would now wait for an answer. */
export function timeoutMs(t: Transfer, doublings = t.caution + t.tries + Math.max(0, t.tries - QUICK_TRIES)): number {
  const { initialTimeoutMs, minTimeoutMs, maxTimeoutMs } = t.terms
  const base =
    t.roundTripMs === undefined ? initialTimeoutMs : t.roundTripMs + Math.max(minTimeoutMs, 4 * t.variationMs)
  // After a few quick tries in vain it gets quiet soon: atftp waits for 5 s without a packet before it speaks again.
  return Math.min(maxTimeoutMs, base * 2 ** doublings)
}

function onAck(t: Transfer, block: number, at: number): Step {
  const progress = (block - t.acked) & 0xffff // survives the 16-bit rollover
  // A stale or repeated ACK never causes a send; only the timer does. Otherwise two duplicates double every later
  // block (RFC 1123 §4.2.3.1), and iPXE, PXELINUX, GRUB, curl and EDK2 repeat an ACK for every block they don't expect.
  if (progress === 0 || progress > t.sentTo - t.acked) return { kind: 'wait', next: t }
  const acked = t.acked + progress
  const isInWindow = acked < t.nextBlock - 1
  const isNoLoss = isInWindow && progress === 1 && (t.doubtful || (t.doubts === 0 && wasNoLoss(t, acked, at)))
  const doubts = isNoLoss ? DOUBTS : t.doubts
  const isDoubtful = isInWindow && doubts > 0 && t.nextBlock > windowEnd(t)
  const isLoss = isInWindow && !isDoubtful && isNewsOfLoss(t, acked, at)
  const next: Draft = {
    ...t,
    acked,
    doubts,
    doubtful: false,
    caution: cautionAfter(t, acked),
    tries: 0,
    progressAt: at
  }
  if (isMeasure(t, acked, at)) measure(next, at - t.sentAt)
  next.spreadMs = spreadAfter(next, progress, isLoss)
  if (acked === t.terms.blocks) return { kind: 'done', next, confirmed: true }
  if (isDoubtful) return doubt(next, at)
  return isInWindow && !isLoss ? goOn(next, at) : restart(next, at)
}

/** Each answer that needed no repetition takes one doubling away; one to a block sent after the silence, all. */
function cautionAfter(t: Transfer, acked: number): number {
  if (acked > t.timedOutTo) return 0
  return t.tries > 0 ? Math.min(MAX_CAUTION, t.caution + t.tries) : Math.max(0, t.caution - 1)
}

/**
 * Karn: what was sent twice measures nothing. But measured from the last send it is never too long, so it counts when it
 * is longer. And a rough first measure beats none: caution grows until a block that was sent once tells better.
 */
function isMeasure(t: Transfer, acked: number, at: number): boolean {
  if (acked >= t.freshFrom || t.roundTripMs === undefined) return true
  return t.tries === 0 && at - t.sentAt > t.roundTripMs
}

/**
 * In mid-window an ACK usually means that the block after it got lost. But where the window had been begun again, the
 * client may also tell that it has had these blocks before: then what it lacks is under way, and to send all of it once
 * more would make it say so in every window to come.
 */
function isNewsOfLoss(t: Transfer, acked: number, at: number): boolean {
  if (acked > t.doubledTo) return true
  const isOfOlderCopies = at - t.begunAt < t.leastMs
  const hadThemAll = acked === t.doubledTo
  return !isOfOlderCopies && !hadThemAll
}

/**
 * The window was begun again, and at once the client tells of the very next block, in mid-window: it had more to say of
 * the older copies. After a loss it would have been silent until the new ones came, and then told of many.
 */
function wasNoLoss(t: Transfer, acked: number, at: number): boolean {
  const isBegunAgain = t.doubledTo > t.acked && t.nextBlock - 1 === t.acked + t.terms.windowsize
  const isSoon = at - t.begunAt < Math.max(t.leastMs, (t.roundTripMs ?? 0) / 2)
  return isBegunAgain && isSoon && acked <= t.doubledTo
}

/** Goes on, unless it was a loss after all: else the client tells of more within a round trip. */
function doubt(t: Draft, at: number): Step {
  const step = goOn(t, at)
  if (t.nextBlock <= windowEnd(t)) return step
  t.doubtful = true
  t.wakeAt = Math.min(t.wakeAt, at + (t.roundTripMs ?? 0) + QUEUE_FLOOR_MS)
  return step
}

function onWake(t: Transfer, at: number): Step {
  if (at < t.wakeAt) return { kind: 'wait', next: t }
  if (t.nextBlock <= windowEnd(t)) return goOn({ ...t }, at)
  if (t.doubtful) return restart({ ...t, doubts: t.doubts - 1, doubtful: false }, at)
  const { minTries, giveUpAfterMs } = t.terms
  if (t.tries + 1 >= minTries && at - t.progressAt >= giveUpAfterMs) return unlessFinished(t, 'timed-out')
  return restart({ ...t, tries: t.tries + 1, spreadMs: spreadAfterSilence(t), timedOutTo: t.sentTo }, at)
}

/** The last ACK may be lost, or never sent: a client that went silent after the last block has what it wanted. */
function unlessFinished(t: Transfer, reason: TransferFailure): Step {
  return hasAnswered(t) && t.sentTo === t.terms.blocks
    ? { kind: 'done', next: t, confirmed: false }
    : { kind: 'failed', reason }
}

/** The OACK is a window of its own. */
function windowEnd(t: Transfer): number {
  return t.acked < 0 ? 0 : Math.min(t.terms.blocks, t.acked + t.terms.windowsize)
}

/** Begins the window at the block after the last one acknowledged. */
function restart(t: Draft, at: number): Step {
  t.nextBlock = t.acked + 1
  t.doubledTo = t.sentTo
  t.begunAt = at
  return goOn(t, at)
}

/** Sends the next slice of the window, if it has any left, and those that a late timer has kept back. */
function goOn(t: Draft, at: number): Step {
  const end = windowEnd(t)
  const from = t.nextBlock
  if (from > end) {
    t.wakeAt = at + timeoutMs(t)
    return { kind: 'wait', next: t }
  }
  const to = t.spreadMs < 2 * MIN_SLICE_MS ? end : sliceEnd(t, from, end, at)
  t.wakeAt = at + (to < end ? sliceMs(t) : timeoutMs(t))
  t.freshFrom = t.sentTo + 1
  t.sentTo = Math.max(t.sentTo, to)
  t.nextBlock = to + 1
  t.sentAt = at
  return { kind: 'send', next: t, from, to }
}

function sliceEnd(t: Transfer, from: number, end: number, at: number): number {
  const isFirst = from === t.acked + 1
  const due = isFirst ? 1 : 1 + Math.floor(Math.max(0, at - t.wakeAt) / sliceMs(t))
  return Math.min(end, from + due * Math.ceil(t.terms.windowsize / slicesOf(t)) - 1)
}

function slicesOf({ spreadMs, terms }: Transfer): number {
  return Math.max(1, Math.min(terms.windowsize, Math.floor(spreadMs / MIN_SLICE_MS)))
}

function sliceMs(t: Transfer): number {
  return t.spreadMs / slicesOf(t)
}

/**
 * Windows are spread only after a loss, and for as long as packets are seen to wait in a queue: what is lost by chance
 * on an idle way costs no time. All who share the queue see the same wait, and so come to the same spread.
 */
function spreadAfter(t: Transfer, progress: number, isLoss: boolean): number {
  if (t.spreadMs === 0 && !isLoss) return 0
  const waitMs = t.roundTripMs === undefined ? 0 : t.roundTripMs - t.leastMs
  const eased = t.spreadMs * 2 ** -(progress / t.terms.windowsize)
  if (waitMs >= QUEUE_FLOOR_MS) {
    const grown = isLoss ? Math.min(MOST_SPREAD_PER_WAIT * waitMs, SPREAD_GROWTH * t.spreadMs) : 0
    return Math.min(MAX_SPREAD_MS, Math.max(SPREAD_PER_WAIT * waitMs, eased, grown))
  }
  return eased < 1 ? 0 : eased
}

function spreadAfterSilence(t: Transfer): number {
  if (t.roundTripMs === undefined) return t.spreadMs
  const share = SPREAD_PER_TIMEOUT * timeoutMs(t, 0)
  return Math.min(MAX_SPREAD_MS, Math.max(SPREAD_GROWTH * t.spreadMs, share))
}

/**
 * As RFC 6298 §2, but quicker: there is one measure for a window, not one for each packet. The first one is often of an
 * OACK, far shorter than a window: it counts as uncertain.
 */
function measure(t: Draft, elapsedMs: number): void {
  // So long a first one is no round trip, but the timer of a client whose ACK got lost: every later loss would cost seconds.
  if (t.roundTripMs === undefined && elapsedMs > t.terms.initialTimeoutMs / 2) return
  // What comes later than the timer would have run out without its back-off may be the client's own timer.
  const sampleMs = Math.min(elapsedMs, timeoutMs(t, 0))
  t.leastMs = Math.min(t.leastMs, sampleMs)
  if (t.roundTripMs === undefined) {
    t.roundTripMs = sampleMs
    t.variationMs = Math.max(sampleMs / 2, t.terms.minTimeoutMs)
  } else {
    t.variationMs = 0.75 * t.variationMs + 0.25 * Math.abs(t.roundTripMs - sampleMs)
    t.roundTripMs = 0.75 * t.roundTripMs + 0.25 * sampleMs
  }
}
