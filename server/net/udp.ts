// UDP sockets as the wire engines want them: bound at once, errors as values, nothing thrown from a callback.
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'

export interface Peer {
  readonly address: string
  readonly port: number
}

/** A socket that speaks to one peer alone; the kernel turns away everybody else's datagrams. */
export interface UdpChannel {
  /**
   * Sends `bytes` from `start` to `end` as datagrams of `segmentBytes`, of which the last may be shorter. True when all
   * have left (or are lost): false when the kernel was full and `bytes` must stay as they are.
   */
  send(bytes: Buffer, start: number, end: number, segmentBytes: number): boolean
  close(): void
}

export interface ChannelOptions {
  readonly localAddress: string
  readonly peer: Peer
  /** Rejects nothing and throws nothing: what it throws is a bug, told to `onError`. */
  onDatagram(datagram: Buffer): void
  /** `ECONNREFUSED`: nobody listens at the peer's port any more. */
  onError(error: NodeJS.ErrnoException): void
}

export interface UdpListener {
  readonly address: string
  readonly port: number
  sendTo(bytes: Buffer, peer: Peer): void
  close(): Promise<void>
}

export interface ListenerOptions {
  readonly address: string
  readonly port: number
  readonly receiveBufferBytes: number
  onDatagram(datagram: Buffer, peer: Peer): void
  onError(error: NodeJS.ErrnoException): void
}

/** Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
export async function openListener(options: ListenerOptions): Promise<UdpListener> {
  const socket = createSocket(options.address)
  socket.on('message', (datagram, peer) => options.onDatagram(datagram, peer))
  await opened(socket, (done) => {
    socket.bind({ address: options.address, port: options.port, exclusive: true }, done)
  })
  socket.on('error', options.onError)
  attempt(() => socket.setRecvBufferSize(options.receiveBufferBytes)) // the kernel may allow less
  return {
    address: options.address,
    port: socket.address().port,
    // With a callback, or a failed send would be an `error` event of the listener.
    sendTo: (bytes, peer) =>
      attempt(() => socket.send(bytes, peer.port, peer.address, (error) => error && options.onError(error))),
    close: () => closed(socket)
  }
}

/** Bound to `localAddress` and a port that the kernel picks. Rejects with the kernel's error: EMFILE, ENETUNREACH. */
export async function openChannel(options: ChannelOptions): Promise<UdpChannel> {
  const socket = createSocket(options.localAddress)
  await opened(socket, (done) => {
    socket.bind({ address: options.localAddress, port: 0, exclusive: true }, () =>
      socket.connect(options.peer.port, options.peer.address, done)
    )
  })
  socket.on('error', options.onError)
  socket.on('message', options.onDatagram)
  // The kernel tells "nobody listens there" to the next call, which in a run may be a send: the last one listens.
  const onSent = (error: Error | null) => error && options.onError(error)
  let open = true
  return {
    send(bytes, start, end, segmentBytes) {
      if (!open) return true
      attempt(() => {
        let at = start
        for (; at + segmentBytes < end; at += segmentBytes) socket.send(bytes, at, segmentBytes)
        socket.send(bytes, at, end - at, onSent)
      })
      return socket.getSendQueueCount() === 0
    },
    close() {
      if (!open) return
      open = false
      attempt(() => socket.close())
    }
  }
}

function createSocket(address: string): dgram.Socket {
  return dgram.createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', lookup: literalAddress })
}

/** Addresses come as literals: no resolver, no waiting, no thread. */
export const literalAddress: NonNullable<dgram.SocketOptions['lookup']> = (address, _options, callback) =>
  callback(null, address, isIPv6(address) ? 6 : 4)

/** Waits for `begin` to call back; a socket that can't be opened is closed again. */
export async function opened(socket: dgram.Socket, begin: (done: (error?: Error) => void) => void): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      begin((error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    attempt(() => socket.close())
    throw error
  } finally {
    socket.removeAllListeners('error')
  }
}

/** Resolves when the socket is closed, also when it was already. */
export function closed(socket: dgram.Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve())
    } catch {
      resolve() // closed already
    }
  })
}

function attempt(run: () => void): void {
  try {
    run()
  } catch {
    // The socket is closed, or the kernel refuses a wish: the datagram is lost, as datagrams may be.
  }
}
