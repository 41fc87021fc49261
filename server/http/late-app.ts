// An application that is loaded when the first request asks for it: its framework costs memory and a good part of the start,
// and a daemon may run for days before anybody needs it.
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { afterLoading } from '../after-loading.ts'
import type { IncomingMessage, ServerResponse } from '../node-http.ts'

export class LateApp {
  readonly #load: () => Promise<FastifyInstance>
  readonly #log: Pick<FastifyBaseLogger, 'error'>
  #app: Promise<FastifyInstance> | undefined

  /** @param load is called once, unless it fails: then the next request has another try. */
  constructor(load: () => Promise<FastifyInstance>, log: Pick<FastifyBaseLogger, 'error'>) {
    this.#load = load
    this.#log = log
  }

  /** For `request` of a server of node:http. */
  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const app = await this.ready().catch((error: unknown) => {
      this.#log.error({ err: error }, 'what answers requests could not be loaded')
    })
    if (app) app.server.emit('request', request, response)
    else response.writeHead(503, { 'content-length': 0, connection: 'close' }).end()
  }

  /** Rejects with what went wrong as it was loaded. */
  ready(): Promise<FastifyInstance> {
    this.#app ??= this.#start()
    return this.#app
  }

  /** Ends what was loaded. */
  async close(): Promise<void> {
    const app = await this.#app?.catch(() => undefined)
    await app?.close()
  }

  async #start(): Promise<FastifyInstance> {
    try {
      const app = await this.#load()
      await app.ready()
      await afterLoading()
      return app
    } catch (error) {
      this.#app = undefined
      throw error
    }
  }
}
