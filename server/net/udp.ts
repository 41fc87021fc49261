// UDP as the wire engines want it: ports that are listened on, and channels to one peer each that begin there. Sockets are
// bound at once, errors are values, nothing is thrown from a callback. Two engines know how: this plain one, which is Node's
// own dgram, and a native one (udp-native.ts) that moves many datagrams by one call.
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'

export interface Peer {
  readonly address: string
  readonly port: number
}

/** Memory that datagrams are sent from. */
export interface Sendable {
  readonly bytes: Buffer
  /** Runs of it that have not left yet: above 0, its memory must stay as it is. */
  queued: number
}

/** A way to one peer alone. */
export interface UdpChannel {
  /** Sends `from.bytes` from `start` to `end` as datagrams of `segmentBytes`, of which the last may be shorter. */
  send(from: Sendable, start: number, end: number, segmentBytes: number): void
  close(): void
}

export interface ChannelHandlers {
  /** The datagram's memory is used again after the call. */
  onDatagram(datagram: Buffer): void
  /** `ECONNREFUSED`: nobody listens at the peer's port any more. An engine that can't tell says nothing. */
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
  /** The datagram's memory is used again after the call. */
  onDatagram(datagram: Buffer, peer: Peer): void
  onError(error: NodeJS.ErrnoException): void
}

/** Both ends are in it. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

/** Which ports the channels of a listener go by: its own, one of a range, or whichever the kernel picks. */
export type ChannelPorts = 'same' | PortRange | 'any'

export interface PortOptions extends ListenerOptions {
  readonly channelPorts: ChannelPorts
  /** On one port for all: whether a datagram is for `onDatagram` though its sender has a channel. */
  startsAnew(datagram: Buffer): boolean
  /** Somebody sent to the port of the channels who has none. An engine that leaves that to the kernel doesn't call it. */
  onStranger(datagram: Buffer, peer: Peer, answer: (bytes: Buffer) => void): void
}

/** A listener that channels begin at. */
export interface UdpPort extends UdpListener {
  /** Rejects with the kernel's error: EMFILE, ENETUNREACH, EADDRINUSE when the range is used up. */
  openChannel(peer: Peer, handlers: ChannelHandlers): Promise<UdpChannel>
}

export interface UdpEngine {
  readonly kind: 'plain' | 'native'
  /** Channels that can be open at once in this range. */
  channelsIn(range: PortRange): number
  /** Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  openPort(options: PortOptions): Promise<UdpPort>
}

export const plainUdp: UdpEngine = {
  kind: 'plain',
  channelsIn: ({ from, to }) => to - from + 1,
  openPort: (options) => (options.channelPorts === 'same' ? openSharedPort(options) : openPlainPort(options))
}

/** A socket for each channel: the kernel turns away everybody else's datagrams. */
async function openPlainPort(options: PortOptions): Promise<UdpPort> {
  const listener = await openListener(options)
  const { address, channelPorts } = options
  const range = typeof channelPorts === 'object' ? channelPorts : undefined
  let next = range?.from ?? 0
  /** One port after the other: one that was just closed is used again last. */
  const openInRange = async (peer: Peer, handlers: ChannelHandlers, { from, to }: PortRange): Promise<UdpChannel> => {
    for (let tries = to - from; ; tries--) {
      const port = next
      next = next === to ? from : next + 1
      try {
        return await openChannel({ localAddress: address, localPort: port, peer, ...handlers })
      } catch (error) {
        if (tries === 0 || !isAddressInUse(error)) throw error
      }
    }
  }
  return {
    ...listener,
    openChannel: (peer, handlers) =>
      range
        ? openInRange(peer, handlers, range)
        : openChannel({ localAddress: address, localPort: 0, peer, ...handlers })
  }
}

/** One socket for the listener and all channels; who sent a datagram says whose it is. */
async function openSharedPort(options: PortOptions): Promise<UdpPort> {
  const channels = new Map<string, ChannelHandlers>()
  const socket = await bound(options)
  const listener = listenerOn(socket, options)
  socket.on('error', options.onError)
  socket.on('message', (datagram, peer) => {
    const channel = channels.get(peerName(peer))
    if (options.startsAnew(datagram)) options.onDatagram(datagram, peer)
    else if (channel) channel.onDatagram(datagram)
    else options.onStranger(datagram, peer, (bytes) => listener.sendTo(bytes, peer))
  })
  return {
    ...listener,
    async openChannel(peer, handlers) {
      const name = peerName(peer)
      channels.set(name, handlers)
      return {
        send: (from, start, end, segmentBytes) =>
          sendRun({ from, start, end, segmentBytes, onError: options.onError }, (at, length, done) =>
            socket.send(from.bytes, at, length, peer.port, peer.address, done)
          ),
        close() {
          if (channels.get(name) === handlers) channels.delete(name)
        }
      }
    }
  }
}

/** Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
export async function openListener(options: ListenerOptions): Promise<UdpListener> {
  const socket = await bound(options)
  socket.on('message', (datagram, peer) => options.onDatagram(datagram, peer))
  socket.on('error', options.onError)
  return listenerOn(socket, options)
}

async function bound({ address, port, receiveBufferBytes }: ListenerOptions): Promise<dgram.Socket> {
  const socket = createSocket(address)
  await opened(socket, (done) => socket.bind({ address, port, exclusive: true }, done))
  attempt(() => socket.setRecvBufferSize(receiveBufferBytes)) // the kernel may allow less
  return socket
}

function listenerOn(socket: dgram.Socket, { address, onError }: ListenerOptions): UdpListener {
  return {
    address,
    port: socket.address().port,
    // With a callback, or a failed send would be an `error` event of the listener.
    sendTo: (bytes, peer) =>
      attempt(() => socket.send(bytes, peer.port, peer.address, (error) => error && onError(error))),
    close: () => closed(socket)
  }
}

export interface ChannelOptions extends ChannelHandlers {
  readonly localAddress: string
  /** 0: the kernel picks one. */
  readonly localPort: number
  readonly peer: Peer
}

/** A socket that speaks to one peer alone. Rejects with the kernel's error: EMFILE, ENETUNREACH, EADDRINUSE. */
export async function openChannel(options: ChannelOptions): Promise<UdpChannel> {
  const { localAddress, localPort, peer } = options
  const socket = createSocket(localAddress)
  await opened(socket, (done) => {
    socket.bind({ address: localAddress, port: localPort, exclusive: true }, () =>
      socket.connect(peer.port, peer.address, done)
    )
  })
  socket.on('error', options.onError)
  socket.on('message', options.onDatagram)
  return {
    // The kernel tells "nobody listens there" to the next call, which in a run may be a send: the last one listens.
    send: (from, start, end, segmentBytes) =>
      sendRun({ from, start, end, segmentBytes, onError: options.onError }, (at, length, done) =>
        socket.send(from.bytes, at, length, done)
      ),
    close: () => attempt(() => socket.close())
  }
}

interface Run {
  readonly from: Sendable
  readonly start: number
  readonly end: number
  readonly segmentBytes: number
  onError(error: NodeJS.ErrnoException): void
}

/** Datagrams leave in order: when the last one has, all have. */
function sendRun(
  { from, start, end, segmentBytes, onError }: Run,
  sendOne: (at: number, length: number, done?: (error: Error | null) => void) => void
): void {
  from.queued++
  try {
    let at = start
    for (; at + segmentBytes < end; at += segmentBytes) sendOne(at, segmentBytes)
    sendOne(at, end - at, (error) => {
      from.queued--
      if (error) onError(error)
    })
  } catch {
    from.queued-- // the socket is closed
  }
}

export function peerName({ address, port }: Peer): string {
  return `${address} ${port}`
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
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

export function attempt(run: () => void): void {
  try {
    run()
  } catch {
    // The socket is closed, or the kernel refuses a wish: the datagram is lost, as datagrams may be.
  }
}
