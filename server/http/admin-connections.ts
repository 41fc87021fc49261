// The connections of the admin face: when there may be no more of them, a newcomer takes the place of the oldest that is
// answering nobody with a token. So who opens many and sends rubbish, or nothing, keeps no administrator out.
import type { Socket } from 'node:net'
import type { ServerResponse } from '../node-http.ts'

export interface AdminConnectionsDeps {
  /** In all: each costs a descriptor, which machines that boot need more. */
  readonly limit: number
  /** What was closed or turned away, in words after how many; and whose it was. */
  readonly onDrop: (reason: string, address: string) => void
}

export class AdminConnections {
  readonly #deps: AdminConnectionsDeps
  /** The oldest first; what has served an administrator is as new as its last answer. */
  readonly #replaceable = new Set<Socket>()
  /** Each with the last answer that it asked for, before which the others end. */
  readonly #serving = new Map<Socket, ServerResponse>()

  constructor(deps: AdminConnectionsDeps) {
    this.#deps = deps
  }

  add(socket: Socket): void {
    if (this.#replaceable.size + this.#serving.size >= this.#deps.limit && !this.#makeRoom()) {
      this.#drop(socket, 'connections beyond those that there may be')
      return
    }
    this.#replaceable.add(socket)
    socket.once('close', () => {
      this.#replaceable.delete(socket)
      this.#serving.delete(socket)
    })
  }

  /** Somebody with a token is being answered: until that ends, nobody gets the place. */
  serve(socket: Socket, response: ServerResponse): void {
    if (socket.destroyed) return
    this.#replaceable.delete(socket)
    this.#serving.set(socket, response)
    response.once('close', () => {
      if (this.#serving.get(socket) !== response) return
      this.#serving.delete(socket)
      if (!socket.destroyed) this.#replaceable.add(socket)
    })
  }

  #makeRoom(): boolean {
    const [oldest] = this.#replaceable
    if (!oldest) return false
    this.#replaceable.delete(oldest)
    this.#drop(oldest, 'connections without a token, to make room')
    return true
  }

  #drop(socket: Socket, reason: string): void {
    this.#deps.onDrop(reason, socket.remoteAddress ?? 'unknown')
    socket.destroy()
  }
}
