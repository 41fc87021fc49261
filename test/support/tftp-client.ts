// A TFTP client for tests: it can misbehave on purpose, and counts what it sees.
import { createHash } from 'node:crypto'
import dgram, { type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { decodeTftp, encodeAck, encodeRequest, type TftpPacket } from '../../server/tftp/packet.ts'

export interface Received {
  readonly packet: TftpPacket
  readonly from: RemoteInfo
}

/** A socket that speaks TFTP packet by packet. */
export class RawTftpClient implements AsyncDisposable {
  readonly #socket: dgram.Socket
  readonly #queue: Received[] = []
  #sending: Promise<void> | undefined
  #waiting: ((received: Received) => void) | undefined

  private constructor(socket: dgram.Socket) {
    this.#socket = socket
    socket.on('message', (bytes, from) => this.#take({ packet: decodeTftp(bytes), from }))
    socket.on('error', () => undefined)
  }

  static async open(address = '127.0.0.1'): Promise<RawTftpClient> {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.bind(0, address)
    await once(socket, 'listening')
    socket.setRecvBufferSize(4 * 1024 * 1024)
    return new RawTftpClient(socket)
  }

  get port(): number {
    return this.#socket.address().port
  }

  send(bytes: Uint8Array, to: Target): void {
    this.#sending = new Promise((resolve) => this.#socket.send(bytes, to.port, to.address, () => resolve()))
  }

  read(name: string, options: Readonly<Record<string, string | number>>, to: Target, mode = 'octet'): void {
    const asked = new Map(Object.entries(options).map(([key, value]) => [key, String(value)]))
    this.send(encodeRequest({ operation: 'read', name, mode, options: asked }), to)
  }

  /** The next packet, in order of arrival; undefined after `withinMs` of silence. */
  next(withinMs = 2000): Promise<Received | undefined> {
    const ready = this.#queue.shift()
    if (ready) return Promise.resolve(ready)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined
        resolve(undefined)
      }, withinMs)
      this.#waiting = (received) => {
        clearTimeout(timer)
        this.#waiting = undefined
        resolve(received)
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }

  #take(received: Received): void {
    if (this.#waiting) this.#waiting(received)
    else this.#queue.push(received)
  }
}

export interface Target {
  readonly address: string
  readonly port: number
}

export interface FetchOptions {
  readonly mode?: 'octet' | 'netascii'
  readonly options?: Readonly<Record<string, string | number>>
  /** Whether the n-th DATA (from 0) gets lost on its way to us. */
  readonly losesData?: (n: number) => boolean
  /** Whether the n-th ACK gets lost on its way to the server. */
  readonly losesAck?: (n: number) => boolean
  /** Every ACK leaves this many times. */
  readonly ackCopies?: number
  /** The client's own patience: it repeats its last packet after so long, and gives up after twelve times. */
  readonly repeatMs?: number
  /** Keeps what came, and not only its digest. */
  readonly keep?: boolean
  readonly localAddress?: string
}

export interface Fetched {
  readonly bytes: Buffer
  readonly sizeBytes: number
  readonly sha256: string
  readonly oack: ReadonlyMap<string, string> | undefined
  readonly dataPackets: number
  /** DATA that had been accepted before. */
  readonly repeatedData: number
  readonly server: Target
}

const MAX_REPEATS = 12

/** Fetches a whole file as an honest client does (RFC 7440 windows included); rejects with the server's ERROR. */
export async function tftpFetch(to: Target, name: string, how: FetchOptions = {}): Promise<Fetched> {
  await using client = await RawTftpClient.open(how.localAddress ?? '127.0.0.1')
  const options = how.options ?? {}
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  let blksize = 512
  let windowsize = 1
  let oack: ReadonlyMap<string, string> | undefined
  let server: Target | undefined
  let expected = 1 // absolute
  let sinceAck = 0
  const counts = { data: 0, repeated: 0, acks: 0, size: 0 }
  let toldGapAt = -1

  const ack = (block: number) => {
    sinceAck = 0
    if (!server || how.losesAck?.(counts.acks++) === true) return
    for (let i = 0; i < (how.ackCopies ?? 1); i++) client.send(encodeAck(block), server)
  }
  const repeat = () => (server && (oack || expected > 1) ? ack(expected - 1) : client.read(name, options, to, how.mode))

  client.read(name, options, to, how.mode)
  for (let repeats = 0; ; ) {
    const received = await client.next(how.repeatMs ?? 1000)
    if (!received) {
      if (++repeats > MAX_REPEATS) throw new Error(`${name}: no answer at block ${expected}`)
      repeat()
      continue
    }
    repeats = 0
    const { packet, from } = received
    server ??= { address: from.address, port: from.port }
    if (packet.kind === 'error') throw new TftpClientError(packet.errorCode, packet.message)
    if (packet.kind === 'oack') {
      oack = packet.options
      blksize = Number(oack.get('blksize') ?? 512)
      windowsize = Number(oack.get('windowsize') ?? 1)
      if (expected === 1) ack(0)
      continue
    }
    if (packet.kind !== 'data') continue
    counts.data++
    if (how.losesData?.(counts.data - 1) === true) continue
    const ahead = (packet.block - expected) & 0xffff
    if (ahead !== 0) {
      if (ahead > 0x7fff) counts.repeated++
      // Lockstep clients repeat the ACK for a repeated block; window clients tell of a gap once.
      if (windowsize === 1) ack(expected - 1)
      else if (ahead < 0x7fff && toldGapAt !== expected) {
        toldGapAt = expected
        ack(expected - 1)
      } else if (ahead > 0x7fff && ahead === 0xffff) ack(expected - 1)
      continue
    }
    hash.update(packet.bytes)
    if (how.keep !== false) kept.push(Buffer.from(packet.bytes))
    counts.size += packet.bytes.length
    expected++
    const last = packet.bytes.length < blksize
    if (++sinceAck >= windowsize || last) ack(expected - 1)
    if (last) {
      const bytes = Buffer.concat(kept)
      const sha256 = hash.digest('hex')
      return {
        bytes,
        sizeBytes: counts.size,
        sha256,
        oack,
        dataPackets: counts.data,
        repeatedData: counts.repeated,
        server
      }
    }
  }
}

export class TftpClientError extends Error {
  readonly errorCode: number

  constructor(errorCode: number, message: string) {
    super(message)
    this.name = 'TftpClientError'
    this.errorCode = errorCode
  }
}
