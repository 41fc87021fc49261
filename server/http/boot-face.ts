// The open face, whole: its addresses, its connections, its routes, and what sends the bytes.
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Boots } from '../boot/boots.ts'
import type { Resolve, TransferReport } from '../boot/model.ts'
import { DropLog } from '../drop-log.ts'
import { createServer } from '../node-http.ts'
import { type ConnectionLimits, Connections, DEFAULT_LIMITS } from './connections.ts'
import { CountedRequest, type CountingDeps, countRequests, type DropReason } from './counters.ts'
import { Doors } from './doors.ts'
import { LateApp } from './late-app.ts'
import { loadNativeSend, type NativeSend } from './native-send.ts'
import { PerMinute } from './per-minute.ts'
import { Sender } from './serve-file.ts'
import { type NameDeps, serveName, type TrustedProxy } from './serve-name.ts'

export interface BootFaceDeps extends CountingDeps {
  readonly resolve: Resolve
  readonly boots: Pick<Boots, 'checkIn'>
  readonly report: (report: TransferReport) => void
  readonly log: FastifyBaseLogger
  readonly limits?: BootFaceLimits
  readonly proxy?: TrustedProxy | undefined
  /** Default: what this system has. */
  readonly native?: NativeSend | undefined
}

export interface BootFaceLimits extends Partial<ConnectionLimits> {
  /** From one address. */
  readonly checkInsPerMinute?: number
  /** From one address: each may begin a boot. */
  readonly scriptsPerMinute?: number
}

/** In words, after how many. */
const DROPPED: Readonly<Record<DropReason, string>> = {
  'too-many': 'connections beyond those that there may be',
  'too-many-of-address': 'connections beyond those that one address may have',
  'to-make-room': 'idle connections, to make room',
  'no-request': 'connections without a request',
  'endless-request': 'requests that did not end',
  'stalled-download': 'downloads that stood still'
}

/** A connection on which nothing moves for so long is closed: a machine that was switched off says nothing. */
const IDLE_MS = 60_000
const KEEP_ALIVE_MS = 10_000
const CHECKINS_PER_MINUTE = 600
const SCRIPTS_PER_MINUTE = 120

export class BootFace {
  readonly #deps: BootFaceDeps
  readonly #app: LateApp
  readonly #connections: Connections
  readonly #doors: Doors
  readonly #sender: Sender
  readonly #drops: DropLog
  #port = 0

  static async create(deps: BootFaceDeps): Promise<BootFace> {
    const native = 'native' in deps ? deps.native : await loadNativeSend()
    return new BootFace(deps, native)
  }

  private constructor(deps: BootFaceDeps, native: NativeSend | undefined) {
    const { clock, log, limits } = deps
    this.#deps = deps
    this.#sender = new Sender({ clock, native })
    this.#drops = new DropLog({ protocol: 'HTTP', log, clock })
    const scripts = new PerMinute(limits?.scriptsPerMinute ?? SCRIPTS_PER_MINUTE, clock)
    const names: NameDeps = { ...deps, sender: this.#sender, scripts }
    const checkInsPerMinute = limits?.checkInsPerMinute ?? CHECKINS_PER_MINUTE
    this.#app = new LateApp(async () => {
      const { buildBootApp } = await import('./boot-app.ts')
      return buildBootApp({
        ...deps,
        checkInsPerMinute,
        serveName: (request, ends, outlet) => serveName(names, request, ends, outlet)
      })
    }, log)
    // UEFI's Host header lacks the port and some loaders send none: it is never looked at.
    const server = createServer({ requireHostHeader: false, keepAliveTimeout: KEEP_ALIVE_MS }, this.#app.answer)
    server.setTimeout(IDLE_MS)
    this.#connections = new Connections({
      clock,
      native,
      limits: { ...DEFAULT_LIMITS, ...limits },
      trusted: new Set(deps.proxy?.addresses),
      answer: (request, ends, outlet) => serveName(names, request, ends, outlet),
      handOver: (socket) => server.emit('connection', socket),
      count: () => new CountedRequest(deps),
      onError: (error) => log.error({ err: error }, 'a request failed'),
      onDrop: (reason, address) => {
        deps.counters.drops[reason] += 1
        this.#drops.count(DROPPED[reason], address)
      }
    })
    countRequests(server, deps)
    server.prependListener('request', (request, response) => {
      this.#connections.takenOver(request)
      response.once('close', () => this.#connections.answered(request.socket))
    })
    this.#doors = new Doors((socket) => this.accept(socket))
  }

  get port(): number {
    return this.#port
  }

  /** What answers all that is not a plain request. */
  app(): Promise<FastifyInstance> {
    return this.#app.ready()
  }

  /** How many there are now. */
  get connections(): number {
    return this.#connections.size
  }

  /**
   * May be called for several addresses; with port 0 the second one gets the first one's.
   * Rejects with the kernel's error: EADDRINUSE, EADDRNOTAVAIL, EACCES.
   */
  async listen(address: string, port: number): Promise<void> {
    this.#port = await this.#doors.open(address, port === 0 ? this.#port : port)
  }

  /** A connection, by whichever door it came in. */
  accept(socket: Socket): void {
    this.#connections.add(socket)
  }

  /** Answers what has been asked, but for no longer than `graceMs`; then cuts off the rest. */
  async close(graceMs: number): Promise<void> {
    await this.#doors.close()
    const cutOff = this.#deps.clock.after(graceMs, () => this.#connections.destroy())
    await this.#connections.close()
    cutOff.cancel()
    await this.#sender.close()
    await this.#app.close()
    this.#drops.close()
  }
}
