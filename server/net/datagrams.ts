// Many small IPv4 datagrams by one system call each way, on descriptors that sockets of Node's own: what more has come than the
// one that Node handed over, and all that is sent within a turn.
import type { Clock } from '../clock.ts'
import type { CardEndpoint } from './card-sockets.ts'
import { IncomingMessages, OutgoingMessages, SOCKADDR_BYTES } from './message-array.ts'
import { AF_INET, type SocketCalls } from './socket-calls.ts'
import { TurnBudget } from './turn-budget.ts'

const BATCH = 64
/** More than a frame of Ethernet carries. */
const SLOT_BYTES = 2048
/** struct sockaddr_in */
const NAME_BYTES = 16

interface Leaving {
  readonly fd: number
  readonly done: (isSent: boolean) => void
}

/** One for all sockets: their datagrams pass through the same memory, one socket after the other. */
export class Datagrams {
  readonly #calls: SocketCalls
  readonly #incoming: IncomingMessages
  readonly #outgoing: OutgoingMessages
  readonly #names = Buffer.alloc(BATCH * NAME_BYTES)
  readonly #slots = Buffer.alloc(BATCH * SLOT_BYTES)
  readonly #lengths = new Uint32Array(BATCH)
  readonly #budget: TurnBudget
  readonly #namesAt: number
  readonly #slotsAt: number
  #leaving: Leaving[] = []

  constructor(calls: SocketCalls, clock: Clock) {
    this.#calls = calls
    this.#budget = new TurnBudget(clock)
    this.#incoming = new IncomingMessages(BATCH, SLOT_BYTES, calls.addressOf)
    this.#outgoing = new OutgoingMessages(BATCH, calls.addressOf)
    this.#namesAt = calls.addressOf(this.#names.buffer)
    this.#slotsAt = calls.addressOf(this.#slots.buffer)
  }

  /**
   * Hands over what waits at a socket, each datagram's memory good for the call alone.
   *
   * @param onDatagram false: the socket is closed, and its descriptor may be somebody else's
   */
  receive(fd: number, onDatagram: (datagram: Buffer, source: CardEndpoint) => boolean): void {
    const incoming = this.#incoming
    while (!this.#budget.isSpent) {
      const count = this.#calls.receiveMessages(fd, incoming.address, BATCH)
      for (let i = 0; i < count; i += 1) {
        const at = i * SOCKADDR_BYTES
        const source = { address: incoming.names.readUInt32BE(at + 4), port: incoming.names.readUInt16BE(at + 2) }
        if (!onDatagram(incoming.datagram(i), source)) return
      }
      if (count > 0) incoming.reset(count)
      if (count < BATCH) return
    }
  }

  /**
   * Copies the datagram, which leaves with what else is sent in this turn. False, and nothing done, when it is too long.
   *
   * @param done when it has left; false: the kernel did not take it now
   */
  send(fd: number, bytes: Uint8Array, to: CardEndpoint, done: (isSent: boolean) => void): boolean {
    if (bytes.length > SLOT_BYTES) return false
    if (this.#leaving.length === BATCH) this.flush()
    const i = this.#leaving.length
    if (i === 0) queueMicrotask(() => this.flush())
    const name = i * NAME_BYTES
    this.#names.writeUInt16LE(AF_INET, name)
    this.#names.writeUInt16BE(to.port, name + 2)
    this.#names.writeUInt32BE(to.address, name + 4)
    this.#slots.set(bytes, i * SLOT_BYTES)
    this.#lengths[i] = bytes.length
    this.#leaving.push({ fd, done })
    return true
  }

  /** Before a socket is closed: what is left of it leaves. */
  flush(): void {
    const leaving = this.#leaving
    if (leaving.length === 0) return
    this.#leaving = []
    for (let i = 0; i < leaving.length; i += 1) {
      const length = this.#lengths[i] ?? 0
      this.#outgoing.set(i, this.#namesAt + i * NAME_BYTES, NAME_BYTES, this.#slotsAt + i * SLOT_BYTES, length, 0)
    }
    const refused = new Set<Leaving>()
    for (let from = 0; from < leaving.length; ) {
      const sent = this.#sendSome(leaving, from)
      const first = leaving[from]
      if (sent === 0 && first) refused.add(first)
      from += Math.max(sent, 1)
    }
    // Last of all: whoever sends more now writes where these were.
    for (const one of leaving) one.done(!refused.has(one))
  }

  /** How many of those that go by the same socket as the first have left. */
  #sendSome(leaving: readonly Leaving[], from: number): number {
    const fd = leaving[from]?.fd ?? -1
    let to = from + 1
    while (leaving[to]?.fd === fd) to += 1
    return Math.max(0, this.#calls.sendMessages(fd, this.#outgoing.addressAt(from), to - from))
  }
}
