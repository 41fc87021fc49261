// A relay of datagrams between a client and a TFTP server that treats them as a bad network would: some come twice, some
// late, so that others overtake them. It also counts what it sees.
import dgram from 'node:dgram'
import { once } from 'node:events'
import type { Target } from './tftp-client.ts'

export interface Treatment {
  /** How many copies of the n-th DATA (from 0) arrive. */
  readonly dataCopies?: (n: number) => number
  readonly ackCopies?: (n: number) => number
  /** By how much the n-th DATA is late. */
  readonly dataDelayMs?: (n: number) => number
}

const OPCODE_DATA = 3
const OPCODE_ACK = 4

/** For one transfer at a time: the client speaks to `port`, and hears from it. */
export class Relay implements AsyncDisposable {
  /** DATA packets that the server sent. */
  data = 0
  /** Of them, those whose block the server had sent before. */
  repeatedData = 0
  acks = 0
  readonly #treatment: Treatment
  readonly #server: Target
  readonly #front: dgram.Socket
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #blocks = new Set<number>()
  #back: dgram.Socket | undefined
  #client: Target | undefined
  /** The port of the transfer, once the server has answered. */
  #transfer: Target | undefined

  private constructor(server: Target, treatment: Treatment, front: dgram.Socket) {
    this.#server = server
    this.#treatment = treatment
    this.#front = front
    front.on('message', (bytes, from) => this.#fromClient(bytes, from))
  }

  static async open(server: Target, treatment: Treatment): Promise<Relay> {
    const front = await bound()
    return new Relay(server, treatment, front)
  }

  get at(): Target {
    return { address: '127.0.0.1', port: this.#front.address().port }
  }

  #fromClient(bytes: Buffer, from: Target): void {
    if (!this.#client || this.#client.port !== from.port) this.#begin(from)
    const isAck = bytes.readUInt16BE(0) === OPCODE_ACK
    const copies = isAck ? (this.#treatment.ackCopies?.(this.acks++) ?? 1) : 1
    const to = this.#transfer ?? this.#server
    for (let i = 0; i < copies; i++) this.#back?.send(bytes, to.port, to.address)
  }

  /** Towards the server each client has a port of its own. */
  #begin(client: Target): void {
    this.#client = client
    this.#transfer = undefined
    this.#back?.close()
    this.#back = dgram.createSocket('udp4')
    this.#back.on('message', (bytes, from) => this.#fromServer(bytes, from, client))
  }

  #fromServer(bytes: Buffer, from: Target, client: Target): void {
    this.#transfer = from
    if (bytes.readUInt16BE(0) !== OPCODE_DATA) {
      this.#front.send(bytes, client.port, client.address)
      return
    }
    const n = this.data++
    const block = bytes.readUInt16BE(2)
    if (this.#blocks.has(block)) this.repeatedData++
    this.#blocks.add(block)
    const copies = this.#treatment.dataCopies?.(n) ?? 1
    const delayMs = this.#treatment.dataDelayMs?.(n) ?? 0
    for (let i = 0; i < copies; i++) this.#later(delayMs, () => this.#front.send(bytes, client.port, client.address))
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs === 0) {
      run()
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, delayMs)
    this.#timers.add(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#back?.close()
    this.#front.close()
    await once(this.#front, 'close')
  }
}

async function bound(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
