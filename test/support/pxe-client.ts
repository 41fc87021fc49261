// PXE firmware as the wire sees it: a socket in a client's network that asks, and hears every server.
import dgram from 'node:dgram'
import { systemClock } from '../../server/clock.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../server/dhcp/packet.ts'
import { loadDeviceSockets } from '../../server/net/device-socket.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import type { Namespace } from './netns.ts'

export interface Heard {
  readonly from: string
  readonly packet: DhcpPacket
}

export class PxeClient implements Disposable {
  readonly heard: Heard[] = []
  readonly #socket: dgram.Socket

  private constructor(socket: dgram.Socket) {
    this.#socket = socket
    socket.on('message', (datagram, { address, port }) => {
      this.heard.push({ from: `${address}:${port}`, packet: decodeDhcp(datagram) })
    })
  }

  /** @param port 68, or 4011 to ask a boot server */
  static async open(namespace: Namespace, device: string, port: 68 | 4011): Promise<PxeClient> {
    const sockets = await loadDeviceSockets(systemClock)
    if (!sockets) throw new Error('koffi has no binary here')
    const fd = namespace.within(() => sockets.open({ device, address: 0, port, receiveBufferBytes: 65536 }))
    const socket = dgram.createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind({ fd, exclusive: true }, resolve))
    socket.setBroadcast(true)
    return new PxeClient(socket)
  }

  send(packet: DhcpPacket, port: 67 | 4011, address = 0xffffffff): void {
    this.#socket.send(encodeDhcp(packet), port, formatIpv4(address))
  }

  /** What was heard once there is so much of it; throws when it does not come. */
  async hears(count: number, timeoutMs = 5000): Promise<readonly Heard[]> {
    const end = performance.now() + timeoutMs
    while (this.heard.length < count) {
      if (performance.now() > end) throw new Error(`${this.heard.length} of ${count} replies in ${timeoutMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this.heard
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}
