// One connection of the boot face: reads plain requests one after the other and writes their responses. The first
// request that is not plain goes to node:http, and with it the rest of the connection.

import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { type IncomingMessage, STATUS_CODES } from '../node-http.ts'
import { rescue, type Soon, whenThere } from '../soon.ts'
import type { CountedRequest, DropReason } from './counters.ts'
import { DateText } from './date-text.ts'
import { type Ends, endsOf } from './ends.ts'
import type { NativeSend } from './native-send.ts'
import type { Outlet, ResponseHeaders } from './outlet.ts'
import { type PlainRequest, parsePlainRequest } from './plain-request.ts'

export interface ConnectionDeps {
  readonly clock: Clock
  readonly native: NativeSend | undefined
  /** Answers through the outlet, to its end. Fails with bugs of ours alone. */
  readonly answer: (request: PlainRequest, ends: Ends, outlet: Outlet) => Soon<void>
  /** Takes over the socket; what was read already is read from it again. */
  readonly handOver: (socket: Socket) => void
  readonly onError: (error: unknown) => void
  /** A plain request begins. */
  readonly count: () => Pick<CountedRequest, 'begun' | 'ended'>
  /** A request begins or has been answered. */
  readonly onChange: (connection: Connection) => void
}

export class Connection {
  readonly socket: Socket
  readonly #deps: ConnectionDeps
  readonly #ends: Ends
  /** Since when nothing was asked, or since when the present request is being answered: ms of the monotonic clock. */
  since: number
  isBusy = false
  /** It has asked for something. */
  hasAsked = false
  #outlet: SocketOutlet | undefined
  #request: IncomingMessage | undefined
  #early: Buffer | undefined
  /** The last request was this one. */
  #isLast = false
  #mark = 0

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.socket = socket
    this.#deps = deps
    this.#ends = endsOf(socket)
    this.since = deps.clock.monotonic()
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', ignore) // `close` follows
  }

  /** Of node:http, after it has taken over. */
  takenOver(request: IncomingMessage): void {
    this.#request = request
    this.#begin()
  }

  answered(): void {
    this.#request = undefined
    this.#finish()
  }

  /** No request follows the present one. */
  endSoon(): void {
    this.#isLast = true
    if (!this.isBusy) this.socket.destroySoon()
  }

  /**
   * Why it should not go on; to be asked now and then.
   * @param leastBytesPerSecond that a client has to take, counted over `ms`
   */
  stalledFor(ms: number, leastBytesPerSecond: number): DropReason | undefined {
    if (!this.isBusy) return undefined
    const now = this.#deps.clock.monotonic()
    if (now - this.since < ms) return undefined
    if (this.#request !== undefined) return this.#request.complete ? undefined : 'endless-request'
    const bytes = this.#outlet?.bytes ?? 0
    if (bytes - this.#mark < (ms / 1000) * leastBytesPerSecond) {
      this.#outlet?.stalled(`the client took hardly anything for ${ms / 1000} s`)
      return 'stalled-download'
    }
    this.#mark = bytes
    this.since = now
    return undefined
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.isBusy) {
      // The next request, before this one is answered: it waits, and nothing more is read.
      this.#early = this.#early === undefined ? bytes : Buffer.concat([this.#early, bytes])
      this.socket.pause()
      return
    }
    const request = parsePlainRequest(bytes)
    if (request === undefined) this.#handOver(bytes)
    else this.#serve(request)
  }

  /** The client sends no more, but may still read. */
  readonly #onEnd = (): void => this.endSoon()

  #serve(request: PlainRequest): void {
    if (!request.keepAlive) this.#isLast = true
    this.#begin()
    this.#mark = 0
    const counted = this.#deps.count()
    const outlet = new SocketOutlet(this.socket, this.#deps, counted, !this.#isLast)
    this.#outlet = outlet
    const answered = rescue(
      () => this.#deps.answer(request, this.#ends, outlet),
      (error) => {
        this.#deps.onError(error)
        outlet.breakOff()
      }
    )
    whenThere(answered, () => {
      counted.ended(outlet.status)
      this.#outlet = undefined
      this.#finish()
      this.#hearNext()
    })
  }

  #begin(): void {
    this.isBusy = true
    this.hasAsked = true
    this.since = this.#deps.clock.monotonic()
    this.#deps.onChange(this)
  }

  #finish(): void {
    this.isBusy = false
    this.since = this.#deps.clock.monotonic()
    if (this.#isLast) this.socket.destroySoon()
    this.#deps.onChange(this)
  }

  /** Who asks and does not read is heard again when it has read. */
  #hearNext(): void {
    const { socket } = this
    if (socket.destroyed || this.#isLast) return
    if (!socket.writableNeedDrain) this.#hear()
    else socket.pause().once('drain', this.#hear)
  }

  readonly #hear = (): void => {
    const early = this.#early
    this.#early = undefined
    if (this.socket.isPaused()) this.socket.resume()
    if (early !== undefined) this.#onData(early)
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', ignore)
    socket.pause()
    socket.unshift(bytes)
    this.#deps.handOver(socket)
    socket.resume()
  }
}

class SocketOutlet implements Outlet {
  readonly #socket: Socket
  readonly #deps: ConnectionDeps
  readonly #counted: Pick<CountedRequest, 'begun'>
  readonly #staysOpen: boolean
  status: number | undefined
  /** So far, of the body. */
  bytes = 0
  #stalled: string | undefined

  constructor(socket: Socket, deps: ConnectionDeps, counted: Pick<CountedRequest, 'begun'>, staysOpen: boolean) {
    this.#socket = socket
    this.#deps = deps
    this.#counted = counted
    this.#staysOpen = staysOpen
  }

  get gone(): string | undefined {
    return this.#socket.destroyed ? (this.#stalled ?? 'the client went away') : undefined
  }

  get descriptor(): number | undefined {
    return this.#socket.writableLength === 0 ? descriptorOf(this.#socket) : undefined
  }

  begin(status: number, headers: ResponseHeaders, body: Uint8Array | undefined, more: boolean): void {
    this.status = status
    const bytes = joined(this.#head(status, headers), body)
    const { descriptor } = this
    const { native } = this.#deps
    const sent = native === undefined || descriptor === undefined ? 0 : native.bytes(descriptor, bytes, more)
    if (sent < bytes.length) this.#socket.write(Buffer.from(bytes.subarray(sent)))
    this.#counted.begun()
  }

  write(chunk: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      this.#socket.write(chunk, (error) => {
        if (!error) this.bytes += chunk.length
        resolve(!error)
      })
    })
  }

  passed(bytes: number): void {
    this.bytes += bytes
  }

  /** Why the connection is about to be broken off. */
  stalled(why: string): void {
    this.#stalled = why
  }

  end(): void {}

  breakOff(): void {
    this.#socket.destroy()
  }

  #head(status: number, headers: ResponseHeaders): string {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`
    const connection = !this.#staysOpen ? 'close' : 'keep-alive'
    return `${head}date: ${NOW.of(this.#deps.clock.now())}\r\nconnection: ${connection}\r\n\r\n`
  }
}

/** Heads, and what is small enough to go with them, on their way to the kernel. */
const SCRATCH = Buffer.allocUnsafeSlow(16 * 1024)

/** To be used before the next call. */
function joined(head: string, body: Uint8Array = NOTHING): Buffer {
  const length = head.length + body.length
  const bytes = length <= SCRATCH.length ? SCRATCH.subarray(0, length) : Buffer.allocUnsafe(length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

const NOTHING = new Uint8Array()

/** libuv's descriptor, which Node's types don't tell of; undefined for a closed socket. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = '_handle' in socket ? socket._handle : undefined
  const fd = handle instanceof Object && 'fd' in handle ? handle.fd : undefined
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

const NOW = new DateText()

function ignore(): void {}
