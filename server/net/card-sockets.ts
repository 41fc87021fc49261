// UDP on one network card: hears what comes in by it, and answers by it, from the address that was asked.
import dgram from 'node:dgram'
import type { DeviceSockets } from './device-socket.ts'
import type { HandedSocket } from './handed-sockets.ts'
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts'
import { closed, literalAddress, opened } from './udp.ts'

export interface CardEndpoint {
  readonly address: Ipv4
  readonly port: number
}

export interface CardSocketsOptions {
  readonly device: string
  /** The card's own; the first is what answers leave from when nothing else says. */
  readonly addresses: readonly Ipv4[]
  readonly port: number
  readonly receiveBufferBytes: number
  /** Undefined without native code: then only one card can be served, but for those whose sockets were handed over. */
  readonly native: DeviceSockets | undefined
  /** Those for this card and port; they stay open. */
  readonly handed: readonly HandedSocket[]
  /**
   * The datagram's memory is used again after the call.
   *
   * @param asked the address of ours that it was sent to; undefined for a broadcast, and where nobody can tell.
   */
  onDatagram(datagram: Buffer, source: CardEndpoint, asked: Ipv4 | undefined): void
  onError(error: Error): void
}

/**
 * A wildcard socket, for only that hears broadcasts, and one for each address: answers leave by these, since a wildcard
 * socket that is bound to no card sends broadcasts out of the default route's.
 */
export class CardSockets {
  readonly #options: CardSocketsOptions
  readonly #byAddress = new Map<Ipv4, Way>()
  readonly #opened: dgram.Socket[] = []
  readonly #handedListeners: (() => void)[] = []
  #wildcard: Way | undefined
  #isOpen = true

  private constructor(options: CardSocketsOptions) {
    this.#options = options
  }

  /** Rejects with the kernel's error (EADDRINUSE, EACCES, ENODEV, EADDRNOTAVAIL), and leaves nothing open. */
  static async open(options: CardSocketsOptions): Promise<CardSockets> {
    const sockets = new CardSockets(options)
    try {
      if (options.handed.length > 0) sockets.#takeHanded()
      else for (const address of [...options.addresses, 0]) await sockets.#open(address)
    } catch (error) {
      await sockets.close()
      throw error
    }
    return sockets
  }

  /** @param from one of our addresses; where there is no socket of its own for it, the card's first. */
  send(bytes: Uint8Array, to: CardEndpoint, from: Ipv4, done: (error: Error | null) => void): void {
    const [primary = 0] = this.#options.addresses
    const way = this.#byAddress.get(from) ?? this.#byAddress.get(primary) ?? this.#wildcard
    const datagrams = this.#options.native?.datagrams
    const isLeaving =
      this.#isOpen &&
      way?.fd !== undefined &&
      datagrams?.send(way.fd, bytes, to, (isSent) => (isSent ? done(null) : sendAlone(way, bytes, to, done)))
    if (way && !isLeaving) sendAlone(way, bytes, to, done)
  }

  async close(): Promise<void> {
    this.#options.native?.datagrams?.flush()
    this.#isOpen = false
    for (const stop of this.#handedListeners.splice(0)) stop()
    await Promise.all(this.#opened.splice(0).map(closed))
  }

  async #open(address: Ipv4): Promise<void> {
    const { native, device, port, receiveBufferBytes } = this.#options
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true, lookup: literalAddress })
    this.#opened.push(socket)
    const fd = native?.open({ device, address, port, receiveBufferBytes })
    const at = fd === undefined ? { address: formatIpv4(address), port } : { fd }
    await opened(socket, (done) => void socket.bind({ ...at, exclusive: true }, done))
    this.#listen({ socket, fd }, address)
  }

  #takeHanded(): void {
    for (const { socket, address } of this.#options.handed) {
      this.#handedListeners.push(this.#listen({ socket, fd: undefined }, address))
    }
  }

  /** Gives back how to stop. */
  #listen(way: Way, address: Ipv4): () => void {
    const { socket, fd } = way
    const { native, onDatagram, onError } = this.#options
    const asked = address === 0 ? undefined : address
    if (asked === undefined) this.#wildcard = way
    else this.#byAddress.set(asked, way)
    const onMore = (datagram: Buffer, source: CardEndpoint): boolean => {
      onDatagram(datagram, source, asked)
      return this.#isOpen
    }
    // A relay agent sends for all of its machines, and who has no address yet is 0.0.0.0.
    let last = { text: '0.0.0.0', address: 0 }
    const onMessage = (datagram: Buffer, peer: dgram.RemoteInfo): void => {
      if (peer.address !== last.text) last = { text: peer.address, address: parseIpv4(peer.address) ?? 0 }
      onDatagram(datagram, { address: last.address, port: peer.port }, asked)
      if (fd !== undefined && this.#isOpen) native?.datagrams?.receive(fd, onMore)
    }
    socket.setBroadcast(true)
    socket.on('message', onMessage).on('error', onError)
    return () => void socket.off('message', onMessage).off('error', onError)
  }
}

interface Way {
  readonly socket: dgram.Socket
  /** Its descriptor, where we made it; Node closes it. */
  readonly fd: number | undefined
}

/** Node waits for room where the kernel has none, and tells what it refuses. */
function sendAlone({ socket }: Way, bytes: Uint8Array, to: CardEndpoint, done: (error: Error | null) => void): void {
  try {
    socket.send(bytes, to.port, formatIpv4(to.address), done)
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)))
  }
}
