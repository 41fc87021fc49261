// UDP many datagrams at a time: one socket for all channels of an address, read by recvmmsg and written by sendmmsg with
// UDP_SEGMENT, so that a window of blocks is one message and the answers to a batch of packets are one system call.
//
// Node's dgram tells that something has come and hands over the first datagram; the rest is read here, in the same turn.
// ICMP errors reach nobody: to hear them (IP_RECVERR) would also turn each packet that a card's queue drops into a failed
// call. The timers of a transfer find out soon enough.
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { afterOthers, type Clock, type Timer } from '../clock.ts'
import { IncomingMessages, OutgoingMessages, SOCKADDR_BYTES } from './message-array.ts'
import { AF_INET, loadSocketCalls, type SocketCalls } from './socket-calls.ts'
import { TurnBudget } from './turn-budget.ts'
import {
  type ChannelHandlers,
  closed,
  openListener,
  type Peer,
  type PortOptions,
  type PortRange,
  peerName,
  type Sendable,
  type UdpChannel,
  type UdpEngine,
  type UdpListener,
  type UdpPort
} from './udp.ts'

/** Messages in one call. */
const BATCH = 64
/** What a client sends is small: acknowledgements, requests, a word of error. */
const SLOT_BYTES = 2048
/** UDP_MAX_SEGMENTS of older kernels. */
const MAX_SEGMENTS = 64
/** 65,535 less the headers of IP and UDP. */
const MAX_MESSAGE_BYTES = 65_487
/** Beyond that, the card has been stuck for so long that datagrams are better lost. */
const MAX_RUNS = 8192
const RETRY_MS = 1
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024

/** Undefined where the calls can't be made, or don't do what they should: the plain engine does it all as well. */
export async function loadNativeUdp(clock: Clock): Promise<UdpEngine | undefined> {
  const calls = await loadSocketCalls()
  if (!calls) return undefined
  const engine = nativeUdp(calls, clock)
  return (await doesWork(engine, clock)) ? engine : undefined
}

export function nativeUdp(calls: SocketCalls, clock: Clock): UdpEngine {
  return {
    kind: 'native',
    channelsIn: () => Number.POSITIVE_INFINITY,
    async openPort(options) {
      if (options.channelPorts === 'same') return NativeSocket.open(options, options.port, calls, clock)
      const listener = await openListener(options)
      try {
        return new NativePort(listener, await openInRange(options, listener, calls, clock))
      } catch (error) {
        await listener.close()
        throw error
      }
    }
  }
}

async function openInRange(
  options: PortOptions,
  listener: UdpListener,
  calls: SocketCalls,
  clock: Clock
): Promise<NativeSocket> {
  const { from, to } = portsOf(options)
  // Nothing begins on the port of the channels.
  const own = { ...options, startsAnew: () => false, onDatagram: () => undefined }
  for (let port = from; ; port++) {
    try {
      if (port !== listener.port) return await NativeSocket.open(own, port, calls, clock)
    } catch (error) {
      if (port >= to || !(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    }
  }
}

function portsOf({ channelPorts }: PortOptions): PortRange {
  return typeof channelPorts === 'object' ? channelPorts : { from: 0, to: 0 }
}

/** A listener and, beside it, the one socket of all channels. */
class NativePort implements UdpPort {
  readonly #listener: UdpListener
  readonly #channels: NativeSocket

  constructor(listener: UdpListener, channels: NativeSocket) {
    this.#listener = listener
    this.#channels = channels
  }

  get address(): string {
    return this.#listener.address
  }

  get port(): number {
    return this.#listener.port
  }

  sendTo(bytes: Buffer, peer: Peer): void {
    this.#listener.sendTo(bytes, peer)
  }

  openChannel(peer: Peer, handlers: ChannelHandlers): Promise<UdpChannel> {
    return this.#channels.openChannel(peer, handlers)
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener.close(), this.#channels.close()])
  }
}

interface Run {
  channel: NativeChannel | undefined
  from: Sendable | undefined
  fromAt: number
  at: number
  end: number
  segmentBytes: number
}

class NativeSocket implements UdpPort {
  readonly address: string
  readonly port: number
  readonly #options: PortOptions
  readonly #calls: SocketCalls
  readonly #clock: Clock
  readonly #fd: number
  readonly #socket: dgram.Socket
  readonly #byKey = new Map<number | string, NativeChannel>()
  readonly #byName = new Map<string, NativeChannel>()
  readonly #incoming: IncomingMessages
  readonly #outgoing: OutgoingMessages
  readonly #messageBytes = new Uint32Array(BATCH)
  readonly #budget: TurnBudget
  /** A ring: what has not left yet, the oldest first. */
  readonly #runs: Run[] = []
  #head = 0
  #queued = 0
  #segments = true
  #receiving = false
  #flushing = false
  #retry: Timer | undefined
  #open = true

  static async open(options: PortOptions, port: number, calls: SocketCalls, clock: Clock): Promise<NativeSocket> {
    const { address, receiveBufferBytes } = options
    const fd = calls.openUdp({ address, port, bufferBytes: Math.max(receiveBufferBytes, SOCKET_BUFFER_BYTES) })
    const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ fd }, resolve)
    })
    socket.removeAllListeners('error')
    return new NativeSocket(options, fd, socket, calls, clock)
  }

  private constructor(options: PortOptions, fd: number, socket: dgram.Socket, calls: SocketCalls, clock: Clock) {
    this.address = options.address
    this.port = socket.address().port
    this.#options = options
    this.#calls = calls
    this.#clock = clock
    this.#budget = new TurnBudget(clock)
    this.#fd = fd
    this.#socket = socket
    this.#incoming = new IncomingMessages(BATCH, SLOT_BYTES, calls.addressOf)
    this.#outgoing = new OutgoingMessages(BATCH, calls.addressOf)
    socket.on('error', options.onError)
    socket.on('message', (datagram, peer) => this.#onReadable(datagram, peer))
  }

  async openChannel(peer: Peer, handlers: ChannelHandlers): Promise<UdpChannel> {
    const channel = this.#channelTo(peer, handlers)
    this.#byKey.set(channel.key, channel)
    this.#byName.set(channel.name, channel)
    return channel
  }

  sendTo(bytes: Buffer, peer: Peer): void {
    this.#channelTo(peer, SILENT).send({ bytes, queued: 0 }, 0, bytes.length, bytes.length)
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#flush() // words of farewell
    this.#open = false
    this.#retry?.cancel()
    await closed(this.#socket)
  }

  /** Leaves with whatever else is sent in this turn. */
  enqueue(channel: NativeChannel, from: Sendable, start: number, end: number, segmentBytes: number): void {
    if (!this.#open) return
    if (this.#queued === MAX_RUNS) {
      this.#options.onError(Object.assign(new Error('too much waits to be sent'), { code: 'ENOBUFS' }))
      return
    }
    from.queued++
    const run = this.#runAt(this.#queued++)
    run.channel = channel
    run.from = from
    run.fromAt = addressOf(from, this.#calls)
    run.at = start
    run.end = end
    run.segmentBytes = segmentBytes
    if (!this.#receiving && !this.#retry) this.#flushBy(queueMicrotask)
  }

  #flushBy(schedule: (run: () => void) => void): void {
    if (this.#flushing) return
    this.#flushing = true
    schedule(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  remove(channel: NativeChannel): void {
    if (this.#byKey.get(channel.key) !== channel) return
    this.#byKey.delete(channel.key)
    this.#byName.delete(channel.name)
  }

  #channelTo(peer: Peer, handlers: ChannelHandlers): NativeChannel {
    const name = this.#calls.toSockaddr(peer)
    return new NativeChannel(this, peer, handlers, {
      bytes: name,
      at: this.#calls.addressOf(name.buffer),
      key: keyOf(name, 0)
    })
  }

  #runAt(i: number): Run {
    const at = (this.#head + i) % MAX_RUNS
    const present = this.#runs[at]
    if (present) return present
    const fresh: Run = { channel: undefined, from: undefined, fromAt: 0, at: 0, end: 0, segmentBytes: 0 }
    this.#runs[at] = fresh
    return fresh
  }

  #onReadable(first: Buffer, from: Peer): void {
    this.#receiving = true
    try {
      const channel = this.#byName.get(peerName(from))
      if (channel && !this.#options.startsAnew(first)) channel.handlers.onDatagram(first)
      else this.#onOther(first, from)
      while (this.#open) {
        this.#flush() // whoever is answered at once may ask on while we look
        if (this.#budget.isSpent || !this.#receive()) break
      }
    } finally {
      this.#receiving = false
      // Node hands over what is left of this turn one by one: all answers to that leave together.
      if (this.#budget.isSpent) this.#flushBy(afterOthers)
      else this.#flush()
    }
  }

  #receive(): boolean {
    const incoming = this.#incoming
    const count = this.#calls.receiveMessages(this.#fd, incoming.address, BATCH)
    for (let i = 0; i < count; i++) {
      const datagram = incoming.datagram(i)
      const channel = this.#byKey.get(keyOf(incoming.names, i * SOCKADDR_BYTES))
      if (channel && !this.#options.startsAnew(datagram)) channel.handlers.onDatagram(datagram)
      else this.#onOther(datagram, this.#calls.fromSockaddr(incoming.names, i * SOCKADDR_BYTES))
    }
    if (count > 0) incoming.reset(count)
    return count > 0
  }

  #onOther(datagram: Buffer, peer: Peer): void {
    if (this.#options.startsAnew(datagram)) this.#options.onDatagram(datagram, peer)
    else this.#options.onStranger(datagram, peer, (bytes) => this.sendTo(bytes, peer))
  }

  #flush(): void {
    while (this.#open && this.#queued > 0 && !this.#retry) {
      const count = this.#lay()
      const sent = this.#calls.sendMessages(this.#fd, this.#outgoing.address, count)
      if (sent > 0) this.#leave(sent)
      else this.#refused(this.#calls.failure())
    }
  }

  /** Writes messages for the oldest runs, as many as fit one call. */
  #lay(): number {
    let count = 0
    for (let i = 0; i < this.#queued && count < BATCH; i++) {
      const { channel, fromAt, at, end, segmentBytes } = this.#runAt(i)
      if (!channel) break
      const most = this.#segments && channel.segments ? largestMessage(segmentBytes) : segmentBytes
      for (let from = at; from < end && count < BATCH; count++) {
        const bytes = Math.min(most, end - from)
        const cut = bytes > segmentBytes ? segmentBytes : 0
        this.#outgoing.set(count, channel.nameAt, channel.nameBytes, fromAt + from, bytes, cut)
        this.#messageBytes[count] = bytes
        from += bytes
      }
    }
    return count
  }

  /** So many messages have left. */
  #leave(count: number): void {
    for (let i = 0; i < count; i++) {
      const run = this.#runAt(0)
      run.at += this.#messageBytes[i] ?? 0
      if (run.at < run.end) continue
      if (run.from) run.from.queued--
      run.from = undefined
      run.channel = undefined
      this.#head = (this.#head + 1) % MAX_RUNS
      this.#queued--
    }
  }

  #refused(code: string): void {
    const { channel, at, end, segmentBytes } = this.#runAt(0)
    if (FULL.has(code)) {
      this.#retry = this.#clock.after(RETRY_MS, () => {
        this.#retry = undefined
        this.#flush()
      })
    } else if (channel && CANNOT_CUT.has(code) && this.#segments && channel.segments && end - at > segmentBytes) {
      // A card that sums no checksums (EIO) never will; a block that is larger than the path (EINVAL) is this channel's.
      if (code === 'EIO') this.#segments = false
      else channel.segments = false
    } else {
      this.#options.onError(Object.assign(new Error(`sendmmsg: ${code}`), { code }))
      this.#leave(1) // lost, as datagrams may be
    }
  }
}

const FULL: ReadonlySet<string> = new Set(['EAGAIN', 'ENOBUFS', 'ENOMEM', 'EINTR'])
const CANNOT_CUT: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'EMSGSIZE', 'ENOPROTOOPT'])
const SILENT: ChannelHandlers = { onDatagram: () => undefined, onError: () => undefined }

interface Name {
  readonly bytes: Buffer<ArrayBuffer>
  readonly at: number
  readonly key: number | string
}

class NativeChannel implements UdpChannel {
  readonly handlers: ChannelHandlers
  readonly name: string
  /** Whether its path takes messages that the kernel cuts. */
  segments = true
  readonly #socket: NativeSocket
  /** Its memory is what `nameAt` points to. */
  readonly #name: Name
  #open = true

  constructor(socket: NativeSocket, peer: Peer, handlers: ChannelHandlers, name: Name) {
    this.handlers = handlers
    this.name = peerName(peer)
    this.#socket = socket
    this.#name = name
  }

  get key(): number | string {
    return this.#name.key
  }

  get nameAt(): number {
    return this.#name.at
  }

  get nameBytes(): number {
    return this.#name.bytes.length
  }

  send(from: Sendable, start: number, end: number, segmentBytes: number): void {
    if (this.#open) this.#socket.enqueue(this, from, start, end, segmentBytes)
  }

  close(): void {
    this.#open = false
    this.#socket.remove(this)
  }
}

/** Of a `struct sockaddr`: a number for IPv4, which costs no memory. */
function keyOf(name: Buffer, at: number): number | string {
  if (name[at] === AF_INET) return name.readUInt32BE(at + 4) * 0x10000 + name.readUInt16BE(at + 2)
  return name.toString('latin1', at + 2, at + SOCKADDR_BYTES)
}

function largestMessage(segmentBytes: number): number {
  return segmentBytes * Math.max(1, Math.min(MAX_SEGMENTS, Math.floor(MAX_MESSAGE_BYTES / segmentBytes)))
}

const addresses = new WeakMap<Sendable, number>()

/** Asked for once: memory stays where it is. */
function addressOf(from: Sendable, calls: SocketCalls): number {
  const known = addresses.get(from)
  if (known !== undefined) return known
  const { buffer, byteOffset } = from.bytes
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError('shared memory is not sent from')
  const address = calls.addressOf(buffer) + byteOffset
  addresses.set(from, address)
  return address
}

const PROBE_MS = 1000
const PROBE = Buffer.from('probe1probe2end')
const PROBE_SEGMENT_BYTES = 6

/** Sends a run to a socket on loopback that echoes it: what leaves and what comes must be the datagrams that were meant. */
async function doesWork(engine: UdpEngine, clock: Clock): Promise<boolean> {
  const echo = dgram.createSocket('udp4')
  echo.on('error', () => undefined)
  echo.on('message', (datagram, { port, address }) => echo.send(datagram, port, address))
  const heard: string[] = []
  try {
    await new Promise<void>((resolve) => echo.bind(0, '127.0.0.1', resolve))
    const port = await engine.openPort(SILENT_PORT)
    const complete = new Promise<void>((resolve) => {
      const timer = clock.after(PROBE_MS, resolve)
      const onDatagram = (datagram: Buffer) => {
        if (heard.push(datagram.toString()) < 3) return
        timer.cancel()
        resolve()
      }
      port
        .openChannel({ address: '127.0.0.1', port: echo.address().port }, { ...SILENT, onDatagram })
        .then((channel) => channel.send({ bytes: PROBE, queued: 0 }, 0, PROBE.length, PROBE_SEGMENT_BYTES), resolve)
    })
    await complete
    await port.close()
  } catch {
    return false
  } finally {
    echo.close()
  }
  return heard.join() === 'probe1,probe2,end'
}

const SILENT_PORT: PortOptions = {
  ...SILENT,
  address: '127.0.0.1',
  port: 0,
  channelPorts: 'any',
  receiveBufferBytes: 65_536,
  startsAnew: () => false,
  onStranger: () => undefined
}
