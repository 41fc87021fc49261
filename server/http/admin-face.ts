// The guarded face, whole: it listens from the start, and what answers there is loaded when somebody first asks.
import type { AddressInfo } from 'node:net'
import type { Clock } from '../clock.ts'
import { createServer } from '../node-http.ts'
import type { AdminDeps } from './admin-app.ts'
import { LateApp } from './late-app.ts'

const HEADERS_MS = 30_000
/** Longer than a proxy in front keeps a connection that it may use again. */
const KEEP_ALIVE_MS = 72_000

export class AdminFace {
  readonly #clock: Clock
  readonly #app: LateApp
  // An upload lasts as long as it lasts; headers don't.
  readonly #server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_MS, keepAliveTimeout: KEEP_ALIVE_MS })

  constructor(deps: AdminDeps) {
    this.#clock = deps.clock
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
  }
}
