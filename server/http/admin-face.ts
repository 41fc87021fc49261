// The guarded face, whole: it listens from the start, and what answers there is loaded when somebody first asks.
import type { AddressInfo } from 'node:net'
import type { Clock } from '../clock.ts'
import { DropLog } from '../drop-log.ts'
import { createServer, type Server } from '../node-http.ts'
import type { AdminDeps } from './admin-app.ts'
import { AdminConnections } from './admin-connections.ts'
import { tokenOf } from './bearer.ts'
import { LateApp } from './late-app.ts'

export interface AdminFaceLimits {
  /** In all. One more takes the place of the oldest that is answering nobody with a token. */
  readonly connections?: number
  /** A connection that has not sent its whole head by then is closed. */
  readonly headMs?: number
}

export interface AdminFaceDeps extends AdminDeps {
  readonly limits?: AdminDeps['limits'] & AdminFaceLimits
}

const CONNECTIONS = 512
const HEAD_MS = 30_000
/** Longer than a proxy in front keeps a connection that it may use again. */
const KEEP_ALIVE_MS = 72_000

export class AdminFace {
  readonly #clock: Clock
  readonly #app: LateApp
  readonly #server: Server
  readonly #drops: DropLog

  constructor(deps: AdminFaceDeps) {
    const { clock, log, tokens } = deps
    const { connections: limit = CONNECTIONS, headMs = HEAD_MS } = deps.limits ?? {}
    this.#clock = clock
    this.#drops = new DropLog({ protocol: 'admin face', log, clock })
    const connections = new AdminConnections({
      limit,
      onDrop: (reason, address) => this.#drops.count(reason, address)
    })
    this.#server = createServer({
      // An upload lasts as long as it lasts; headers don't.
      requestTimeout: 0,
      headersTimeout: headMs,
      connectionsCheckingInterval: headMs / 5,
      keepAliveTimeout: KEEP_ALIVE_MS
    })
    this.#server.on('connection', (socket) => connections.add(socket))
    this.#server.on('request', (request, response) => {
      if (tokenOf(request.headers.authorization, tokens)) connections.serve(request.socket, response)
    })
    this.#app = new LateApp(async () => (await import('./admin-app.ts')).buildAdminApp(deps), deps.log)
    this.#server.on('request', this.#app.answer)
  }

  /** 0 until it listens. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null // TCP only: no Unix socket is ever listened on
    return address?.port ?? 0
  }

  /** Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES. */
  listen(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** Ends what is idle, waits for what is under way, and cuts off what still runs after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const cutOff = this.#clock.after(graceMs, () => this.#server.closeAllConnections())
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.#app.close()
    await closed
    cutOff.cancel()
    this.#drops.close()
  }
}
