// Drives one transfer: the machine decides, this sends its blocks, wakes at its deadline and tells how it ended.
import type { Clock } from '../clock.ts'
import type { UdpChannel } from '../net/udp.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import type { Alarms, Sleeper } from './alarms.ts'
import type { BlockReader } from './blocks.ts'
import { ackBlock, decodeTftp, ErrorCode, encodeError } from './packet.ts'
import {
  advance,
  begin,
  hasAnswered,
  type Input,
  type Step,
  type Transfer,
  type TransferFailure,
  type TransferTerms
} from './transfer.ts'

export type SessionFailure = TransferFailure | 'read-failed' | 'crowded-out' | 'shutting-down'

export type SessionEnd =
  | { readonly kind: 'ok'; readonly confirmed: boolean }
  | { readonly kind: 'failed'; readonly reason: SessionFailure; readonly detail: string }

/** Counted by every session, read by the metrics. */
export interface TransferCounters {
  bytes: number
  blocks: number
  retransmissions: number
}

export interface SessionOptions {
  readonly channel: UdpChannel
  readonly clock: Clock
  readonly alarms: Alarms
  readonly reader: BlockReader
  readonly terms: TransferTerms
  /** The OACK as a datagram; present when `terms.oack`. */
  readonly oack: Buffer | undefined
  readonly counters: TransferCounters
  /** The first data was acknowledged: from here on it is a transfer and no mere probe. */
  onStarted(): void
  /** At most once in `progressEveryMs`. */
  onProgress(doneBytes: number): void
  readonly progressEveryMs: number
  /** Once, and last: the channel is closed and no deadline left. */
  onEnd(end: SessionEnd): void
  onMalformed(): void
}

export class Session implements Sleeper {
  readonly #options: SessionOptions
  readonly startedAt: number
  #transfer: Transfer
  /** Blocks to send as soon as they are read. */
  #waiting: { readonly from: number; readonly to: number } | undefined
  #sentBlocks = 0
  #progressAt: number
  #open = true
  #clientError = ''
  /** When the client last acknowledged anything. */
  heardAt = Number.NEGATIVE_INFINITY
  retransmissions = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.startedAt = options.clock.monotonic()
    this.#progressAt = this.startedAt
    const first = begin(options.terms, this.startedAt)
    if (first.kind !== 'send') throw new Error('a transfer begins with a send')
    this.#transfer = first.next
    this.#sentBlocks = first.next.acked
    this.#perform(first)
    options.alarms.add(this)
  }

  get isOpen(): boolean {
    return this.#open
  }

  get hasAnswered(): boolean {
    return hasAnswered(this.#transfer)
  }

  /** Acknowledged by the client. */
  get doneBytes(): number {
    const { reader } = this.#options
    return Math.min(reader.sizeBytes, Math.max(0, this.#transfer.acked) * reader.blksize)
  }

  /** While the disk is slow the client waits for us, not we for it. */
  get wakeAt(): number {
    return this.#waiting ? Number.POSITIVE_INFINITY : this.#transfer.wakeAt
  }

  wake(): void {
    this.#step({ kind: 'wake', at: this.#options.clock.monotonic() })
  }

  receive(datagram: Buffer): void {
    if (!this.#open) return
    const block = ackBlock(datagram)
    if (block !== undefined) this.#onAck(block)
    else this.#onOther(datagram)
  }

  /** The same RRQ came again. */
  repeatRequest(): void {
    this.#step({ kind: 'request', at: this.#options.clock.monotonic() })
  }

  unreachable(): void {
    this.#step({ kind: 'unreachable' })
  }

  /** The client asks for something else from the same port. */
  replace(): void {
    this.#step({ kind: 'replaced' })
  }

  /** Ends it from our side; the client is told when `told`. */
  stop(reason: SessionFailure, told: string | undefined, detail = ''): void {
    if (!this.#open) return
    if (told !== undefined) this.#sendPacket(encodeError(ErrorCode.undefined, told))
    this.#end({ kind: 'failed', reason, detail })
  }

  #onAck(block: number): void {
    const before = this.#transfer.acked
    const at = this.#options.clock.monotonic()
    this.heardAt = at
    const step = advance(this.#transfer, { kind: 'ack', block, at })
    if (step.kind !== 'failed') this.#transfer = step.next
    if (before < 1 && this.#transfer.acked >= 1) this.#options.onStarted()
    this.#perform(step)
    if (this.#open && this.#transfer.acked > before && at - this.#progressAt >= this.#options.progressEveryMs) {
      this.#progressAt = at
      this.#options.onProgress(this.doneBytes)
    }
  }

  #onOther(datagram: Buffer): void {
    const packet = decodedOrUndefined(datagram)
    if (packet?.kind === 'error') {
      this.#clientError = `${packet.errorCode} ${packet.message}`.trim()
      this.#step({ kind: 'error' })
    } else {
      this.#options.onMalformed()
    }
  }

  #step(input: Input): void {
    if (!this.#open) return
    const step = advance(this.#transfer, input)
    if (step.kind !== 'failed') this.#transfer = step.next
    this.#perform(step)
  }

  #perform(step: Step): void {
    switch (step.kind) {
      case 'send':
        this.#send(step.from, step.to)
        this.#options.alarms.moved(this)
        break
      case 'wait':
        this.#options.alarms.moved(this)
        break
      case 'done':
        this.#end({ kind: 'ok', confirmed: step.confirmed })
        break
      case 'failed':
        this.#end({ kind: 'failed', reason: step.reason, detail: this.#clientError })
        break
    }
  }

  #send(from: number, to: number): void {
    this.#waiting = undefined
    const { reader, oack, terms } = this.#options
    if (to === 0) {
      if (oack) this.#sendPacket(oack)
      reader.prefetch(1, terms.windowsize)
    } else if (reader.isReady(from, to)) {
      // All or nothing: half a window would cost an ACK and a timeout more than the wait for the disk.
      this.#sendBlocks(from, to)
    } else {
      this.#sendWhenRead(from, to)
    }
  }

  #sendBlocks(from: number, to: number): void {
    for (let at = from; at <= to; ) at = this.#sendRun(at, to)
    const { reader, terms } = this.#options
    reader.prefetch(to + 1, to + terms.windowsize)
  }

  /** Sends what lies in one slab and answers with the block after it. */
  #sendRun(from: number, to: number): number {
    const { reader, channel, counters } = this.#options
    const slab = reader.peek(from)
    if (!slab) return to + 1 // let go: a budget far too small; the timer comes back to it
    const last = Math.min(to, slab.lastBlock)
    const start = (from - slab.firstBlock) * reader.packetBytes
    const end = Math.min(slab.bytes.length, (last - slab.firstBlock + 1) * reader.packetBytes)
    channel.send(slab, start, end, reader.packetBytes)
    const count = last - from + 1
    const again = Math.max(0, Math.min(last, this.#sentBlocks) - from + 1)
    this.#sentBlocks = Math.max(this.#sentBlocks, last)
    this.retransmissions += again
    counters.retransmissions += again
    counters.blocks += count
    counters.bytes += end - start - 4 * count
    return last + 1
  }

  #sendWhenRead(from: number, to: number): void {
    const { reader, clock } = this.#options
    const wanted = { from, to }
    this.#waiting = wanted
    reader.loadAll(from, to).then(
      () => {
        if (!this.#open || this.#waiting !== wanted) return
        this.#waiting = undefined
        this.#sendBlocks(from, to) // what the cache has let go again meanwhile is left to the timer
        this.#step({ kind: 'sent', at: clock.monotonic() })
      },
      (error: unknown) => {
        if (this.#waiting === wanted) this.stop('read-failed', 'read failed', String(error))
      }
    )
  }

  #sendPacket(packet: Buffer): void {
    this.#options.channel.send({ bytes: packet, queued: 0 }, 0, packet.length, packet.length)
  }

  #end(end: SessionEnd): void {
    if (!this.#open) return
    this.#open = false
    this.#waiting = undefined
    this.#options.alarms.remove(this)
    this.#options.channel.close()
    this.#options.onEnd(end)
  }
}

function decodedOrUndefined(datagram: Buffer) {
  try {
    return decodeTftp(datagram)
  } catch (error) {
    if (error instanceof MalformedPacket) return undefined
    throw error
  }
}
