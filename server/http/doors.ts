// Where a face is open: one listening socket for each of its addresses.
import { once } from 'node:events'
import { createServer, isIPv6, type Server, type Socket } from 'node:net'

/** A room that is switched on at once; the kernel may allow less (net.core.somaxconn). */
const BACKLOG = 4096

export class Doors {
  readonly #onConnection: (socket: Socket) => void
  readonly #servers: Server[] = []

  constructor(onConnection: (socket: Socket) => void) {
    this.#onConnection = onConnection
  }

  /**
   * An IPv6 address takes IPv6 alone, so that `0.0.0.0` and `::` can stand side by side.
   * @param port 0 lets the kernel choose.
   * @returns the port. Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES.
   */
  async open(address: string, port: number): Promise<number> {
    // What node:http sets on the servers that it makes itself.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, this.#onConnection)
    server.listen({ host: address, port, backlog: BACKLOG, ipv6Only: isIPv6(address) })
    await once(server, 'listening')
    this.#servers.push(server)
    const bound = server.address()
    return bound !== null && typeof bound === 'object' ? bound.port : port
  }

  /** Nobody gets in any more; who is in stays. */
  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close()
  }
}
