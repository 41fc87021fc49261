// All connections of the boot face: how many there may be, and how long each may do nothing, is bounded.

import { isIPv6, type Socket } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Clock, Timer } from '../clock.ts'
import type { IncomingMessage } from '../node-http.ts'
import { Connection, type ConnectionDeps } from './connection.ts'
import type { DropReason } from './counters.ts'

export interface ConnectionLimits {
  /** In all. One more takes the place of the one that has been idle for longest. */
  readonly connections: number
  /** From one address, or one /64 of IPv6; more are turned away. */
  readonly connectionsPerAddress: number
  /** A connection without a whole request is closed after this. */
  readonly idleSeconds: number
  /** A response of which hardly anything is taken for so long is broken off. */
  readonly stalledSeconds: number
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  connections: 4096,
  connectionsPerAddress: 256,
  idleSeconds: 15,
  stalledSeconds: 60
}

const IPV4_MAPPED = /^::ffff:(?=[\d.]+$)/
/** Slower than this is no download any more. */
const LEAST_BYTES_PER_SECOND = 1024
const SWEEP_MS = 1_000

export interface ConnectionsDeps extends Omit<ConnectionDeps, 'onChange'> {
  readonly clock: Clock
  readonly limits: ConnectionLimits
  /** Addresses that may have as many connections as there may be. */
  readonly trusted: ReadonlySet<string>
  /** What was turned away or closed, and whose it was. */
  readonly onDrop: (reason: DropReason, address: string) => void
}

export class Connections {
  readonly #deps: ConnectionsDeps
  readonly #ofConnection: ConnectionDeps
  readonly #all = new Map<Socket, Connection>()
  /** Those without a request, the longest idle first. */
  readonly #idle = new Set<Connection>()
  readonly #ofSource = new Map<string, number>()
  #sweep: Timer | undefined
  #isClosing = false

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps
    this.#ofConnection = { ...deps, onChange: (connection) => this.#changed(connection) }
  }

  get size(): number {
    return this.#all.size
  }

  add(socket: Socket): void {
    const address = socket.remoteAddress?.replace(IPV4_MAPPED, '')
    const reason = address === undefined ? undefined : this.#refusal(address)
    if (address === undefined || reason !== undefined || this.#isClosing) {
      if (address !== undefined && reason !== undefined) this.#deps.onDrop(reason, address)
      socket.destroy()
      return
    }
    const source = sourceOf(address)
    this.#ofSource.set(source, (this.#ofSource.get(source) ?? 0) + 1)
    const connection = new Connection(socket, this.#ofConnection)
    this.#all.set(socket, connection)
    this.#idle.add(connection)
    socket.once('close', () => this.#forget(connection, source))
    this.#watch()
  }

  /** node:http has read a request on a connection that it took over. */
  takenOver(request: IncomingMessage): void {
    this.#all.get(request.socket)?.takenOver(request)
  }

  /** node:http has answered it. */
  answered(socket: Socket): void {
    this.#all.get(socket)?.answered()
  }

  /** What is idle ends now, the others when they are answered. Resolves when all have ended. */
  async close(): Promise<void> {
    this.#isClosing = true
    const closed = [...this.#all.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const connection of this.#all.values()) connection.endSoon()
    await Promise.all(closed)
    this.#sweep?.cancel()
  }

  /** Ends all, in the middle of whatever it is. */
  destroy(): void {
    for (const socket of this.#all.keys()) socket.destroy()
  }

  /** Makes room where it can. */
  #refusal(address: string): DropReason | undefined {
    const { limits, trusted } = this.#deps
    const already = trusted.has(address) ? 0 : (this.#ofSource.get(sourceOf(address)) ?? 0)
    if (already >= limits.connectionsPerAddress) return 'too-many-of-address'
    if (this.#all.size < limits.connections) return undefined
    const [longest] = this.#idle
    if (longest === undefined) return 'too-many'
    this.#drop(longest, 'to-make-room')
    return undefined
  }

  #changed(connection: Connection): void {
    this.#idle.delete(connection)
    if (!connection.isBusy && this.#all.has(connection.socket)) this.#idle.add(connection)
  }

  #drop(connection: Connection, reason: DropReason): void {
    const { socket } = connection
    this.#deps.onDrop(reason, socket.remoteAddress ?? 'unknown')
    this.#idle.delete(connection)
    this.#all.delete(socket)
    socket.destroy()
  }

  #forget(connection: Connection, source: string): void {
    this.#all.delete(connection.socket)
    this.#idle.delete(connection)
    const left = (this.#ofSource.get(source) ?? 1) - 1
    if (left === 0) this.#ofSource.delete(source)
    else this.#ofSource.set(source, left)
  }

  #watch(): void {
    this.#sweep ??= this.#deps.clock.after(SWEEP_MS, () => {
      this.#sweep = undefined
      this.#look()
      if (this.#all.size > 0) this.#watch()
    })
  }

  #look(): void {
    const { limits, clock } = this.#deps
    const now = clock.monotonic()
    for (const connection of this.#idle) {
      if (now - connection.since < limits.idleSeconds * 1000) break
      // One that has had its answer does no wrong.
      if (connection.hasAsked) connection.socket.destroy()
      else this.#drop(connection, 'no-request')
    }
    for (const connection of this.#all.values()) {
      const reason = connection.stalledFor(limits.stalledSeconds * 1000, LEAST_BYTES_PER_SECOND)
      if (reason !== undefined) this.#drop(connection, reason)
    }
  }
}

/** Who counts as one: an IPv6 network of 64 bits is a machine's, or at least one network's. */
function sourceOf(address: string): string {
  return isIPv6(address) ? ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':') : address
}
