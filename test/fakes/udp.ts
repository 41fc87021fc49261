import {
  type ChannelHandlers,
  type Peer,
  type PortOptions,
  peerName,
  type UdpChannel,
  type UdpEngine
} from '../../server/net/udp.ts'

export interface SentDatagram {
  readonly bytes: Buffer
  readonly to: Peer
}

/** One port with channels, on no network: a test brings datagrams and sees what leaves. */
export class FakeUdp implements UdpEngine {
  readonly kind = 'plain'
  /** What has left since somebody took it. */
  sent: SentDatagram[] = []
  readonly #channels = new Map<string, ChannelHandlers>()
  #port: PortOptions | undefined

  get openChannels(): number {
    return this.#channels.size
  }

  channelsIn(): number {
    return Number.POSITIVE_INFINITY
  }

  async openPort(options: PortOptions) {
    this.#port = options
    return {
      address: options.address,
      port: options.port,
      sendTo: (bytes: Buffer, peer: Peer) => this.#send(bytes, peer),
      openChannel: async (peer: Peer, handlers: ChannelHandlers) => this.#open(peer, handlers),
      close: async () => {}
    }
  }

  /** To the port that is listened on. */
  toListener(bytes: Buffer, from: Peer): void {
    if (this.#port?.channelPorts === 'same' && !this.#port.startsAnew(bytes)) this.toChannel(bytes, from)
    else this.#port?.onDatagram(bytes, from)
  }

  /** To the port of the channels. */
  toChannel(bytes: Buffer, from: Peer): void {
    const channel = this.#channels.get(peerName(from))
    if (channel) channel.onDatagram(bytes)
    else this.#port?.onStranger(bytes, from, (answer) => this.#send(answer, from))
  }

  /** The kernel says of a peer's channel that nobody listens there. */
  refuse(from: Peer): void {
    this.#channels
      .get(peerName(from))
      ?.onError(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  }

  #open(peer: Peer, handlers: ChannelHandlers): UdpChannel {
    const name = peerName(peer)
    this.#channels.set(name, handlers)
    return {
      send: ({ bytes }, start, end, segmentBytes) => {
        for (let at = start; at < end; at += segmentBytes) {
          this.#send(bytes.subarray(at, Math.min(end, at + segmentBytes)), peer)
        }
      },
      close: () => {
        if (this.#channels.get(name) === handlers) this.#channels.delete(name)
      }
    }
  }

  #send(bytes: Buffer, to: Peer): void {
    this.sent.push({ bytes: Buffer.from(bytes), to })
  }
}
