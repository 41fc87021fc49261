// DHCPv6's outer ring: sockets on 547 and 4011, decode, ask the handler, save, send. Nothing here decides anything.
import dgram from 'node:dgram'
import type { BootAnswers } from '../boot/answer.ts'
import type { DhcpEvent } from '../boot/journal.ts'
import type { Clock, Timer } from '../clock.ts'
import { DropLog } from '../drop-log.ts'
import type { Log } from '../log.ts'
import type { NetworkInterface } from '../net/interfaces.ts'
import { contains6, type Ipv6, isLinkLocal, parseIpv6 } from '../net/ipv6.ts'
import type { Mac } from '../net/mac.ts'
import type { RouterAdvertiser } from '../net/router-advertisement.ts'
import { closed } from '../net/udp.ts'
import { listenError } from '../start-error.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import { Tally } from '../wire/tally.ts'
import { type Arrival6, Dhcp6Handler, type Link6, type Outcome6, type SubnetUsage6 } from './handler.ts'
import { LeaseBatches } from './lease-batches.ts'
import type { Lease6, LeaseStore6 } from './leases.ts'
import { decodeDhcp6 } from './packet.ts'
import { MESSAGE } from './registry.ts'
import type { Dhcp6Config } from './settings.ts'

export interface Dhcp6ServerOptions {
  readonly config: Dhcp6Config
  readonly boot: BootAnswers<Ipv6>
  readonly leases: LeaseStore6
  /** The inventory names it. */
  readonly isKnownHost: (identity: Mac) => boolean
  /** Our DUID. */
  readonly serverId: Uint8Array
  /** The cards as they are now. */
  readonly interfaces: () => readonly NetworkInterface[]
  /** Undefined where none can be had: then somebody else has to announce the prefix. */
  readonly routerAdvertiser: RouterAdvertiser | undefined
  /** After the reply has left; what it throws is logged and goes no further. */
  onEvent(event: DhcpEvent): void
  /** The seconds from a message to its answer, the lease on disk in between. */
  readonly onAnswered?: ((seconds: number) => void) | undefined
  readonly clock: Clock
  readonly log: Log
  /** Default: 547 and 4011; clients at 546. */
  readonly ports?: { readonly server: number; readonly bootServer: number; readonly client: number } | undefined
}

/** Messages since the start. */
export interface Dhcp6Counts {
  received: number
  receivedBytes: number
  sent: number
  sentBytes: number
  malformed: number
  /** More than honest machines send: see AdmissionLimits. */
  limited: number
  /** Too many replies waited for the disk. */
  overloaded: number
  /** The lease store refused. */
  unsaved: number
  sendFailed: number
  /** Bugs of ours, each of them logged. */
  failed: number
}

export interface Dhcp6Server {
  counts(): Readonly<Dhcp6Counts>
  /** Well-formed messages since the start, by type: what relay agents forward, not their own. */
  messages(): Readonly<Record<string, number>>
  usage(): readonly SubnetUsage6[]
  /** Answers what came in, then closes. */
  close(): Promise<void>
}

const PORTS = { server: 547, bootServer: 4011, client: 546 }
/** All_DHCP_Relay_Agents_and_Servers and All_DHCP_Servers (RFC 8415 §7.1). */
const GROUPS = ['ff02::1:2', 'ff05::1:3']
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
const MAX_WAITING = 1024
/**
 * How often links are told what is on them, and new cards are looked for. iPXE waits for an advertisement for 15.75 s and
 * asks by ICMP, which we don't hear.
 */
const ROUND_MS = 10_000

/**
 * Rejects with StartError when a port cannot be had.
 *
 * @param held what the store has
 */
export async function startDhcp6Server(options: Dhcp6ServerOptions, held: readonly Lease6[]): Promise<Dhcp6Server> {
  const server = new Server(options)
  try {
    await server.start(held)
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

class Server implements Dhcp6Server {
  readonly #options: Dhcp6ServerOptions
  readonly #ports: NonNullable<Dhcp6ServerOptions['ports']>
  readonly #handler: Dhcp6Handler
  readonly #sockets: dgram.Socket[] = []
  readonly #startedAt: number
  /** Interface indices whose groups we are in. */
  readonly #joined = new Set<number>()
  readonly #counts: Dhcp6Counts = {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    malformed: 0,
    limited: 0,
    overloaded: 0,
    unsaved: 0,
    sendFailed: 0,
    failed: 0
  }
  readonly #messages = new Tally(MESSAGE)
  readonly #dropLog: DropLog
  readonly #batches: LeaseBatches
  readonly #waiting = new Set<Promise<void>>()
  #round: Timer | undefined
  #receiving = true

  constructor(options: Dhcp6ServerOptions) {
    this.#options = options
    this.#ports = options.ports ?? PORTS
    this.#handler = new Dhcp6Handler(options)
    this.#batches = new LeaseBatches(options.leases)
    this.#dropLog = new DropLog({ ...options, protocol: 'DHCPv6' })
    this.#startedAt = options.clock.now() - options.clock.monotonic()
  }

  async start(held: readonly Lease6[]): Promise<void> {
    const { config } = this.#options
    if (config.mode === 'authoritative') this.#handler.restore(held)
    await this.#listen(547, this.#ports.server)
    // PXE firmware asks there for what an answer beside another server's promised (EDK2 PxeBcDhcp6.c).
    if (config.mode === 'stateless') await this.#listen(4011, this.#ports.bootServer)
    this.#look()
  }

  counts(): Readonly<Dhcp6Counts> {
    return { ...this.#counts }
  }

  messages(): Readonly<Record<string, number>> {
    return this.#messages.read()
  }

  usage(): readonly SubnetUsage6[] {
    return this.#handler.usage(this.#now())
  }

  async close(): Promise<void> {
    this.#receiving = false
    this.#round?.cancel()
    await Promise.all(this.#waiting)
    await Promise.all(this.#sockets.splice(0).map(closed))
    this.#options.routerAdvertiser?.close()
    this.#dropLog.close()
  }

  async #listen(port: Arrival6['port'], at: number): Promise<void> {
    const socket = dgram.createSocket({ type: 'udp6', ipv6Only: true, lookup: literalAddress })
    this.#sockets.push(socket)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject)
        socket.bind({ address: '::', port: at, exclusive: true }, () => {
          socket.off('error', reject)
          resolve()
        })
      })
    } catch (error) {
      const setting = 'dhcp6.mode: off'
      throw listenError(error, { face: 'DHCPv6', protocol: 'udp', address: '::', port: at, setting })
    }
    socket.on('error', (error) => this.#options.log.warn({ err: error }, 'DHCPv6 socket'))
    socket.on('message', (datagram, peer) => this.#receive(datagram, peer, port, socket))
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    } catch {
      // the kernel may allow less
    }
  }

  /** Wall time that never jumps, so that setting the clock ends no lease before its time. */
  #now(): number {
    return Math.round(this.#startedAt + this.#options.clock.monotonic())
  }

  /** Cards come and go: each round joins the groups of new ones and tells all of them what is on their link. */
  #look(): void {
    this.#round = this.#options.clock.after(ROUND_MS, () => this.#look())
    const cards = this.#cards()
    for (const index of this.#joined) if (!cards.some((card) => card.index === index)) this.#joined.delete(index)
    for (const card of cards) {
      if (!this.#joined.has(card.index)) this.#join(card)
      this.#announce(card)
    }
  }

  #join({ name, index }: NetworkInterface): void {
    try {
      for (const group of GROUPS) this.#sockets[0]?.addMembership(group, `::%${name}`)
      this.#joined.add(index)
    } catch (error) {
      this.#options.log.warn({ err: error, interface: name }, 'DHCPv6 can not listen on this interface; trying again')
    }
  }

  #announce({ name, ipv6 }: NetworkInterface): void {
    const { config, routerAdvertiser } = this.#options
    if (!config.routerAdvertisements || config.mode !== 'authoritative') return
    for (const { subnet: prefix, leaseSeconds } of config.subnets) {
      if (!ipv6.some((address) => contains6(prefix, address))) continue
      routerAdvertiser?.announce(name, { prefix, lifetimeSeconds: leaseSeconds })
    }
  }

  #cards(): readonly NetworkInterface[] {
    const { interfaces } = this.#options.config
    return this.#options
      .interfaces()
      .filter((card) => card.up && card.ipv6.length > 0)
      .filter(({ name, loopback }) => (interfaces.length === 0 ? !loopback : interfaces.includes(name)))
  }

  /** Never throws: a datagram can only be answered, counted or dropped. */
  #receive(datagram: Buffer, peer: dgram.RemoteInfo, port: Arrival6['port'], socket: dgram.Socket): void {
    if (!this.#receiving) return
    const receivedAt = this.#options.clock.monotonic()
    this.#counts.received += 1
    this.#counts.receivedBytes += datagram.length
    try {
      const source = parseIpv6(peer.address)
      const link = this.#linkOf(peer.address)
      if (source === undefined || link === undefined) return
      const received = decodeDhcp6(datagram)
      this.#messages.add(received.message.type)
      const to = { ...peer, port: this.#replyPort(received.relays.length > 0, port, peer) }
      const outcome = this.#handler.handle(received, { link, source, port }, this.#now())
      if (outcome.refusal === undefined) {
        this.#perform(outcome, socket, to, receivedAt)
        return
      }
      this.#counts.limited += 1
      this.#dropLog.count(outcome.refusal, received.relays.length === 0 ? link.name : peer.address)
    } catch (error) {
      if (error instanceof MalformedPacket) {
        this.#counts.malformed += 1
        this.#dropLog.count('malformed', peer.address)
        this.#options.log.debug({ field: error.field, from: peer.address }, 'malformed DHCPv6 message')
        return
      }
      this.#counts.failed += 1
      if (!this.#dropLog.count('internal', peer.address)) return
      this.#options.log.error({ err: error, from: peer.address }, 'DHCPv6 message not answered')
    }
  }

  /** Link-local senders bring the card's name with them; who is farther away came through a relay or a router. */
  #linkOf(address: string): Link6 | undefined {
    const [, zone] = address.split('%')
    const cards = this.#cards()
    const own = zone === undefined ? cards : cards.filter(({ name }) => name === zone)
    const [first] = own
    if (!first) return undefined
    return { name: first.name, addresses: own.flatMap(({ ipv6 }) => ipv6.filter((one) => !isLinkLocal(one))) }
  }

  /** RFC 8415 §7.2; EDK2 listens on 4011 for what it asked there. */
  #replyPort(relayed: boolean, port: Arrival6['port'], peer: dgram.RemoteInfo): number {
    if (port === 4011) return peer.port
    return relayed ? peer.port : this.#ports.client
  }

  #perform({ leases, reply, event }: Outcome6, socket: dgram.Socket, to: dgram.RemoteInfo, receivedAt: number): void {
    const { clock, onAnswered, log } = this.#options
    const answer = (): void => {
      if (reply) {
        this.#send(socket, reply, to)
        onAnswered?.((clock.monotonic() - receivedAt) / 1000)
      }
      if (event) this.#tell(event)
    }
    if (leases.length === 0) {
      answer()
      return
    }
    if (this.#waiting.size >= MAX_WAITING) {
      this.#counts.overloaded += 1
      this.#dropLog.count('overloaded', to.address)
      return
    }
    const saved = this.#batches.save(leases).then(answer, (error: unknown) => {
      this.#counts.unsaved += 1
      if (this.#dropLog.count('unsaved', to.address))
        log.error({ err: error }, 'an IPv6 lease was not saved, so no REPLY was sent')
    })
    this.#waiting.add(saved)
    saved.finally(() => this.#waiting.delete(saved))
  }

  #send(socket: dgram.Socket, bytes: Buffer, to: dgram.RemoteInfo): void {
    try {
      socket.send(bytes, to.port, to.address, (error) => {
        if (error) this.#sendFailed(error)
        else this.#sent(bytes.length)
      })
    } catch (error) {
      this.#sendFailed(error)
    }
  }

  #sent(bytes: number): void {
    this.#counts.sent += 1
    this.#counts.sentBytes += bytes
  }

  #sendFailed(error: unknown): void {
    this.#counts.sendFailed += 1
    this.#options.log.debug({ err: error }, 'DHCPv6 reply not sent')
  }

  #tell(event: DhcpEvent): void {
    try {
      this.#options.onEvent(event)
    } catch (error) {
      this.#options.log.error({ err: error }, 'a DHCPv6 event was not taken')
    }
  }
}

/** Addresses come as literals: no resolver, no waiting, no thread. */
const literalAddress: NonNullable<dgram.SocketOptions['lookup']> = (address, _options, callback) =>
  callback(null, address, 6)
