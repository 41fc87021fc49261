// Where a response goes: a connection of ours, or a response of node:http.
import type { ServerResponse } from '../node-http.ts'

export type ResponseHeaders = Readonly<Record<string, string | number>>

export interface Outlet {
  /** Of the head that is on its way. */
  readonly status: number | undefined
  /** Why nobody takes bytes any more, in words. */
  readonly gone: string | undefined
  /** The socket's descriptor, to send on past this outlet; undefined while bytes wait here, and where there is none. */
  readonly descriptor: number | undefined
  /** Status line and headers, with a body that is at hand; `more` says that bytes will follow. */
  begin(status: number, headers: ResponseHeaders, body: Uint8Array | undefined, more: boolean): void
  /** Resolves when the kernel has the bytes, and their buffer is free again: false when the client is gone. */
  write(chunk: Uint8Array): Promise<boolean>
  /** So many bytes went past this outlet. */
  passed(bytes: number): void
  /** The response is whole. */
  end(): void
  /** The response can't become whole: its connection has to break, or a short body would pass for a whole one. */
  breakOff(): void
}

export class ResponseOutlet implements Outlet {
  readonly #response: ServerResponse
  readonly descriptor = undefined

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get status(): number | undefined {
    return this.#response.headersSent ? this.#response.statusCode : undefined
  }

  get gone(): string | undefined {
    return this.#response.destroyed ? 'the client went away' : undefined
  }

  begin(status: number, headers: ResponseHeaders, body: Uint8Array | undefined): void {
    this.#response.writeHead(status, headers)
    if (body !== undefined) this.#response.write(body)
  }

  write(chunk: Uint8Array): Promise<boolean> {
    const response = this.#response
    return new Promise((resolve) => {
      if (response.destroyed) {
        resolve(false)
        return
      }
      const done = (taken: boolean) => {
        response.off('close', closed)
        resolve(taken)
      }
      // A response that closes never calls back for what it still had to write.
      const closed = () => done(false)
      response.once('close', closed)
      response.write(chunk, (error) => done(!error))
    })
  }

  passed(): void {}

  end(): void {
    this.#response.end()
  }

  breakOff(): void {
    this.#response.destroy()
  }
}
