// DHCP's outer ring: sockets on 67 and 4011, decode, ask the handler, save, send. Nothing here decides anything.
import dgram from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { type BootAnswers } from '../boot/answer.ts'
import { type DhcpEvent } from '../boot/journal.ts'
import { type Clock, sleep } from '../clock.ts'
import { DropLog } from '../drop-log.ts'
import { type Log } from '../log.ts'
import { type DeviceSockets, loadDeviceSockets } from '../net/device-socket.ts'
import { formatIpv4, type Ipv4, parseIpv4 } from '../net/ipv4.ts'
import { loadRouterAdvertiser, type RouterAdvertiser } from '../net/router-advertisement.ts'
import { closed } from '../net/udp.ts'
import { listenError, StartError } from '../start-error.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import { BOOT_SERVER_PORT, SERVER_PORT } from './destination.ts'
import { factsOf } from './facts.ts'
import { type Arrival, DhcpHandler, type Outcome, type SubnetUsage } from './handler.ts'
import { LeaseWriter } from './lease-writer.ts'
import { type LeaseStore } from './leases.ts'
import { type DhcpPacket, decodeDhcp } from './packet.ts'
import { MESSAGE_TYPE } from './registry.ts'
import { type DhcpConfig, type Reservations } from './settings.ts'
import { type Link } from './subnets.ts'

export interface DhcpServerOptions {
  readonly config: DhcpConfig
  readonly boot: BootAnswers
  readonly reservations: Reservations
  /** Undefined in proxy mode, which leases nothing. */
  readonly leases: LeaseStore | undefined
  /** After the reply has left; what it throws is logged and goes no further. */
  onEvent(event: DhcpEvent): void
  /** The seconds from a packet to its answer, the lease on disk in between. */
  readonly onAnswered?: ((seconds: number) => void) | undefined
  readonly clock: Clock
  readonly log: Log
  /** Default: through koffi, where that can be loaded. */
  readonly deviceSockets?: DeviceSockets | 'none' | undefined
  /** Default: through koffi, where that and CAP_NET_RAW can be had. */
  readonly routerAdvertiser?: RouterAdvertiser | 'none' | undefined
  /** Default: 67 and 4011. */
  readonly ports?: { readonly server: number; readonly bootServer: number } | undefined
}

/** Packets since the start. */
export interface DhcpCounts {
  received: number
  receivedBytes: number
  sent: number
  sentBytes: number
  malformed: number
  /** Waiting ACKs had reached their limit. */
  overloaded: number
  /** The lease store refused. */
  unsaved: number
  sendFailed: number
  /** Bugs of ours, each of them logged. */
  failed: number
}

export interface DhcpServer {
  readonly links: readonly Link[]
  counts(): Readonly<DhcpCounts>
  usage(): readonly SubnetUsage[]
  /** An administrator takes a lease away. False when nobody has it, or when that could not be saved. */
  revoke(address: Ipv4): Promise<boolean>
  /** Answers what came in, then closes. */
  close(): Promise<void>
}

const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
const DRAIN_MS = 2000

/** Rejects with StartError when a port or an interface cannot be had, and with the store's error when it can't load. */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const server = new Server(options)
  try {
    await server.start()
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

class Server implements DhcpServer {
  readonly links: readonly Link[]
  readonly #options: DhcpServerOptions
  readonly #handler: DhcpHandler
  readonly #writer: LeaseWriter | undefined
  readonly #sockets: dgram.Socket[] = []
  readonly #startedAt: number
  readonly #dropLog: DropLog
  #advertiser: RouterAdvertiser | undefined
  readonly #counts: DhcpCounts = {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    malformed: 0,
    overloaded: 0,
    unsaved: 0,
    sendFailed: 0,
    failed: 0
  }
  #receiving = true

  constructor(options: DhcpServerOptions) {
    const { config, clock, leases } = options
    this.#options = options
    this.#handler = new DhcpHandler(options)
    this.#dropLog = new DropLog({ ...options, protocol: 'DHCP' })
    this.#startedAt = clock.now() - clock.monotonic()
    this.links = config.mode === 'off' ? [] : linksOf(config.interfaces)
    this.#handler.exclude(this.links.flatMap(({ addresses }) => addresses))
    this.#writer =
      leases &&
      new LeaseWriter({
        store: leases,
        clock,
        onFailure: (error, lost) => {
          this.#counts.unsaved += lost.length
          const isFirst = lost.map(({ mac }) => this.#dropLog.count('unsaved', mac)).includes(true)
          if (isFirst) options.log.error({ err: error, leases: lost.length }, 'leases not saved, so no ACK was sent')
        }
      })
  }

  async start(): Promise<void> {
    const { leases, deviceSockets, routerAdvertiser, config } = this.#options
    if (leases) this.#handler.restore(await leases.load(), this.#now())
    if (config.mode === 'authoritative' && routerAdvertiser !== 'none') {
      this.#advertiser = routerAdvertiser ?? (await loadRouterAdvertiser())
    }
    const native = deviceSockets === 'none' ? undefined : (deviceSockets ?? (await loadDeviceSockets()))
    if (!native && this.links.length > 1) {
      const names = this.links.map(({ name }) => name).join(', ')
      throw new StartError(
        'INTERFACE_UNUSABLE',
        `DHCP: without native code only one interface can be served, not ${names}; set dhcp.interfaces to one of them`
      )
    }
    const ports = this.#options.ports ?? { server: SERVER_PORT, bootServer: BOOT_SERVER_PORT }
    for (const link of this.links) {
      await this.#listen(link, SERVER_PORT, ports.server, native)
      await this.#listen(link, BOOT_SERVER_PORT, ports.bootServer, native)
    }
  }

  counts(): Readonly<DhcpCounts> {
    return { ...this.#counts }
  }

  usage(): readonly SubnetUsage[] {
    return this.#handler.usage()
  }

  async revoke(address: Ipv4): Promise<boolean> {
    const lease = this.#handler.revoke(address, this.#now())
    if (!lease || !this.#writer) return false
    const writer = this.#writer
    return new Promise((resolve) => writer.save(lease, resolve))
  }

  async close(): Promise<void> {
    this.#receiving = false
    if (this.#writer) await Promise.race([this.#writer.idle(), sleep(this.#options.clock, DRAIN_MS)])
    await Promise.all(this.#sockets.splice(0).map(closed))
    this.#advertiser?.close()
    this.#advertiser = undefined
    this.#dropLog.close()
  }

  /** Wall time that never jumps, so that setting the clock ends no lease before its time. */
  #now(): number {
    return Math.round(this.#startedAt + this.#options.clock.monotonic())
  }

  /**
   * Two sockets for each card and port: broadcasts reach only the wildcard one, and answers leave by the one that is
   * bound to our own address, for a wildcard socket sends a broadcast out of the default route's card.
   */
  async #listen(link: Link, port: 67 | 4011, at: number, native: DeviceSockets | undefined): Promise<void> {
    const own = ownAddress(link, this.#options.config)
    const bound = await this.#open(link, own, at, native)
    const wildcard = await this.#open(link, 0, at, native)
    for (const socket of [bound, wildcard]) {
      socket.on('message', (datagram, { address, port: sourcePort }) => {
        const source = { address: parseIpv4(address) ?? 0, port: sourcePort }
        this.#receive(datagram, { link, source, port }, bound)
      })
    }
  }

  async #open(link: Link, address: Ipv4, port: number, native: DeviceSockets | undefined): Promise<dgram.Socket> {
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true, lookup: literalAddress })
    try {
      const receiveBufferBytes = RECEIVE_BUFFER_BYTES
      const at = native
        ? { fd: native.open({ device: link.name, address, port, receiveBufferBytes }) }
        : { address: formatIpv4(address), port }
      await bound(socket, at)
    } catch (error) {
      throw listenError(error, {
        face: `DHCP on ${link.name}`,
        protocol: 'udp',
        address: formatIpv4(address),
        port,
        setting: 'dhcp.interfaces, or dhcp.mode: off'
      })
    }
    socket.setBroadcast(true)
    socket.on('error', (error) => this.#options.log.warn({ err: error, interface: link.name }, 'DHCP socket'))
    this.#sockets.push(socket)
    return socket
  }

  /** Never throws: a datagram can only be answered, counted or dropped. */
  #receive(datagram: Buffer, arrival: Arrival, sender: dgram.Socket): void {
    if (!this.#receiving) return
    const receivedAt = this.#options.clock.monotonic()
    this.#counts.received += 1
    this.#counts.receivedBytes += datagram.length
    try {
      const packet = decodeDhcp(datagram)
      if (this.#isOverloaded(packet)) return
      this.#perform(this.#handler.handle(packet, arrival, this.#now()), arrival.link, sender, receivedAt)
    } catch (error) {
      if (error instanceof MalformedPacket) {
        this.#counts.malformed += 1
        this.#dropLog.count('malformed', formatIpv4(arrival.source.address))
        this.#options.log.debug({ field: error.field, interface: arrival.link.name }, 'malformed DHCP packet')
        return
      }
      this.#counts.failed += 1
      if (!this.#dropLog.count('internal', formatIpv4(arrival.source.address))) return
      this.#options.log.error({ err: error, interface: arrival.link.name }, 'DHCP packet not answered')
    }
  }

  /** What would be saved waits its turn; when too much waits already, the client asks again in a few seconds. */
  #isOverloaded(packet: DhcpPacket): boolean {
    const { config } = this.#options
    if (!this.#writer || this.#writer.size < config.maxWaitingAcks) return false
    const facts = factsOf(packet)
    if (facts.messageType === MESSAGE_TYPE.discover) return false
    this.#counts.overloaded += 1
    this.#dropLog.count('overloaded', facts.identity ?? 'unknown')
    const { mac, stage, arch, uuid } = facts
    this.#tell({ kind: 'dropped', mac, address: undefined, stage, arch, uuid, detail: 'too many ACKs are waiting' })
    return true
  }

  #perform({ lease, reply, event }: Outcome, link: Link, sender: dgram.Socket, receivedAt: number): void {
    const { clock, onAnswered } = this.#options
    const answer = (): void => {
      if (reply) {
        this.#send(sender, reply.bytes, reply.to)
        onAnswered?.((clock.monotonic() - receivedAt) / 1000)
      }
      if (event?.kind === 'ack' && event.stage === 'ipxe' && event.mac) this.#advertiser?.dismiss(link.name, event.mac)
      if (event) this.#tell(event)
    }
    if (lease && this.#writer) this.#writer.save(lease, (saved) => saved && answer())
    else answer()
  }

  #send(sender: dgram.Socket, bytes: Buffer, to: { readonly address: Ipv4; readonly port: number }): void {
    try {
      sender.send(bytes, to.port, formatIpv4(to.address), (error) => {
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
    this.#options.log.debug({ err: error }, 'DHCP reply not sent')
  }

  #tell(event: DhcpEvent): void {
    try {
      this.#options.onEvent(event)
    } catch (error) {
      this.#options.log.error({ err: error }, 'a DHCP event was not taken')
    }
  }
}

/** The interfaces to serve. Throws StartError for a name that is not there or has no IPv4 address. */
function linksOf(names: readonly string[]): readonly Link[] {
  const links = Object.entries(networkInterfaces()).flatMap(([name, all = []]): Link[] => {
    const own = all.filter(({ family, internal }) => family === 'IPv4' && (!internal || names.includes(name)))
    const addresses = own.map(({ address }) => parseIpv4(address)).filter((address) => address !== undefined)
    return addresses.length > 0 ? [{ name, addresses }] : []
  })
  if (names.length === 0) return links
  const missing = names.find((name) => !links.some((link) => link.name === name))
  if (missing === undefined) return links.filter(({ name }) => names.includes(name))
  throw new StartError(
    'INTERFACE_UNUSABLE',
    `DHCP: interface ${missing} is not there or has no IPv4 address; set dhcp.interfaces to names from: ip -4 address`
  )
}

/** The one that a subnet names for us, if this card has it. */
function ownAddress(link: Link, config: DhcpConfig): Ipv4 {
  const named = config.subnets.map((subnet) => subnet.serverAddress)
  return link.addresses.find((address) => named.includes(address)) ?? link.addresses[0] ?? 0
}

/** Addresses come as literals: no resolver, no waiting, no thread. */
const literalAddress: NonNullable<dgram.SocketOptions['lookup']> = (address, _options, callback) =>
  callback(null, address, 4)

function bound(socket: dgram.Socket, at: dgram.BindOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ ...at, exclusive: true }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
