// DHCP's outer ring: sockets on 67 and 4011, decode, ask the handler, save, send. Nothing here decides anything.
import type { BootAnswers } from '../boot/answer.ts'
import type { DhcpEvent } from '../boot/journal.ts'
import { type Clock, sleep, type Timer } from '../clock.ts'
import { DropLog } from '../drop-log.ts'
import type { Log } from '../log.ts'
import { Admission } from '../net/admission.ts'
import { CardSockets } from '../net/card-sockets.ts'
import { type DeviceSockets, loadDeviceSockets } from '../net/device-socket.ts'
import { FollowedCards, type OpenCard } from '../net/followed-cards.ts'
import type { HandedSocket } from '../net/handed-sockets.ts'
import type { InterfaceWatch } from '../net/interface-watch.ts'
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts'
import { loadRouterAdvertiser, type RouterAdvertiser } from '../net/router-advertisement.ts'
import { listenError, messageOf, StartError } from '../start-error.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import { Tally } from '../wire/tally.ts'
import { BOOT_SERVER_PORT, SERVER_PORT } from './destination.ts'
import { factsOf, identityOf, wayOf } from './facts.ts'
import { type Arrival, DhcpHandler, type Outcome, type Reply, type SubnetUsage } from './handler.ts'
import { LeaseTime } from './lease-time.ts'
import { LeaseWriter } from './lease-writer.ts'
import type { Lease, LeaseStore } from './leases.ts'
import { type DhcpPacket, decodeDhcp } from './packet.ts'
import { MESSAGE_TYPE, OPTION } from './registry.ts'
import type { DhcpConfig, Reservations } from './settings.ts'
import type { Link } from './subnets.ts'

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
  /** The cards are served as they come and go. */
  readonly interfaces: InterfaceWatch
  /** From systemd; used for the cards that they are for. */
  readonly handedSockets?: readonly HandedSocket[] | undefined
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
  /** More than honest machines send: see DhcpLimits. */
  limited: number
  /** Waiting ACKs had reached their limit. */
  overloaded: number
  /** The lease store refused, and nothing that it has would do. */
  unsaved: number
  sendFailed: number
  /** Bugs of ours, each of them logged. */
  failed: number
}

export interface DhcpServer {
  /** The cards that are served now. */
  readonly links: readonly Link[]
  /** False when the last leases could not be saved, so that no new one is given. */
  readonly savesLeases: boolean
  counts(): Readonly<DhcpCounts>
  /** Well-formed packets since the start, by type. */
  messages(): Readonly<Record<string, number>>
  usage(): readonly SubnetUsage[]
  /** An administrator takes a lease away. False when nobody has it, or when that could not be saved. */
  revoke(address: Ipv4): Promise<boolean>
  /** Answers what came in, then closes. */
  close(): Promise<void>
}

const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
const DRAIN_MS = 2000
const CLOCK_LOOK_MS = 10_000

/**
 * Rejects with StartError when a port or an interface cannot be had.
 *
 * @param held what the store has
 */
export async function startDhcpServer(options: DhcpServerOptions, held: readonly Lease[]): Promise<DhcpServer> {
  const server = new Server(options)
  try {
    await server.start(held)
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

interface Sender {
  readonly sockets: CardSockets
  readonly asked: Ipv4 | undefined
}

interface Received {
  readonly packet: DhcpPacket
  readonly arrival: Arrival
  readonly sender: Sender
  /** Monotonic, ms. */
  readonly receivedAt: number
}

class Server implements DhcpServer {
  readonly #options: DhcpServerOptions
  readonly #handler: DhcpHandler
  readonly #writer: LeaseWriter | undefined
  readonly #followed: FollowedCards
  readonly #time: LeaseTime
  readonly #dropLog: DropLog
  readonly #admission: Admission
  #native: DeviceSockets | undefined
  #advertiser: RouterAdvertiser | undefined
  #stopFollowing: (() => void) | undefined
  #clockTimer: Timer | undefined
  readonly #counts: DhcpCounts = {
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
  readonly #messages = new Tally(MESSAGE_TYPE)
  #receiving = true

  constructor(options: DhcpServerOptions) {
    const { config, clock, leases } = options
    this.#options = options
    this.#handler = new DhcpHandler(options)
    this.#dropLog = new DropLog({ ...options, protocol: 'DHCP' })
    this.#admission = new Admission(config.limits)
    this.#time = new LeaseTime(clock)
    this.#followed = new FollowedCards({
      protocol: 'DHCP',
      names: config.interfaces,
      open: (link) => this.#serve(link),
      clock,
      log: options.log
    })
    this.#writer =
      leases &&
      new LeaseWriter({
        store: leases,
        onFailure: (error) => {
          if (this.savesLeases) options.log.error({ err: error }, `DHCP gives no new leases: ${whyUnsaved(error)}`)
        },
        onRecovery: () => options.log.info('DHCP gives new leases again: they can be saved')
      })
  }

  async start(held: readonly Lease[]): Promise<void> {
    const { leases, deviceSockets, routerAdvertiser, config } = this.#options
    if (leases) this.#handler.restore(held, this.#time.now())
    if (config.mode === 'authoritative' && routerAdvertiser !== 'none') {
      this.#advertiser = routerAdvertiser ?? (await loadRouterAdvertiser())
    }
    this.#native =
      deviceSockets === 'none' ? undefined : (deviceSockets ?? (await loadDeviceSockets(this.#options.clock)))
    if (config.mode === 'off') return
    const { interfaces } = this.#options
    await this.#followed.start(interfaces.current)
    this.#stopFollowing = interfaces.onChange((now) => this.#followed.follow(now))
    this.#watchClock()
  }

  get links(): readonly Link[] {
    return this.#followed.cards
  }

  get savesLeases(): boolean {
    return !this.#writer?.isFailing
  }

  counts(): Readonly<DhcpCounts> {
    return { ...this.#counts }
  }

  messages(): Readonly<Record<string, number>> {
    return this.#messages.read()
  }

  usage(): readonly SubnetUsage[] {
    return this.#handler.usage()
  }

  async revoke(address: Ipv4): Promise<boolean> {
    const lease = this.#handler.revoke(address, this.#time.now())
    if (!lease || !this.#writer) return false
    const writer = this.#writer
    return new Promise((resolve) =>
      writer.save(lease, (isSaved) => {
        if (isSaved) this.#handler.saved(lease)
        resolve(isSaved)
      })
    )
  }

  async close(): Promise<void> {
    this.#receiving = false
    this.#stopFollowing?.()
    this.#clockTimer?.cancel()
    if (this.#writer) await Promise.race([this.#writer.idle(), sleep(this.#options.clock, DRAIN_MS)])
    await this.#followed.close()
    this.#advertiser?.close()
    this.#advertiser = undefined
    this.#dropLog.close()
  }

  #watchClock(): void {
    this.#clockTimer = this.#options.clock.after(CLOCK_LOOK_MS, () => this.#watchClock())
    const step = this.#time.takeStep()
    if (step === 0) return
    const { log } = this.#options
    const seconds = Math.round(step / 1000)
    const how = `${step > 0 ? 'forward' : 'back'} by ${Math.abs(seconds)} s`
    log.warn({ seconds }, `DHCP: the clock was set ${how}; leases keep the time that they have left`)
    this.#handler.shift(step)
    this.#writer?.shift(step).catch((error: unknown) => {
      log.error({ err: error }, 'DHCP: leases on disk keep their old times until each is renewed')
    })
  }

  async #serve(link: Link): Promise<OpenCard> {
    const isAlone = this.links.every(({ name }) => name === link.name)
    if (!this.#native && !isAlone && this.#handedTo(link).length === 0) {
      throw new StartError(
        'INTERFACE_UNUSABLE',
        `DHCP: without native code only one interface can be served, not ${link.name} beside ${this.links[0]?.name}; set dhcp.interfaces to one of them, or have systemd hand over sockets for each (docs/operating.md)`
      )
    }
    this.#handler.exclude(link.addresses)
    const ports = this.#options.ports ?? { server: SERVER_PORT, bootServer: BOOT_SERVER_PORT }
    const server = await this.#listen(link, SERVER_PORT, ports.server)
    try {
      const bootServer = await this.#listen(link, BOOT_SERVER_PORT, ports.bootServer)
      return { close: async () => void (await Promise.all([server.close(), bootServer.close()])) }
    } catch (error) {
      await server.close()
      throw error
    }
  }

  async #listen(link: Link, port: 67 | 4011, at: number): Promise<CardSockets> {
    const { config, log } = this.#options
    const primary = ownAddress(link, config)
    const addresses = [primary, ...link.addresses.filter((address) => address !== primary)]
    try {
      const sockets = await CardSockets.open({
        device: link.name,
        addresses,
        port: at,
        receiveBufferBytes: RECEIVE_BUFFER_BYTES,
        native: this.#native,
        handed: this.#handedTo(link).filter((socket) => socket.port === at),
        onDatagram: (datagram, source, asked) => this.#receive(datagram, { link, source, port }, { sockets, asked }),
        onError: (error) => log.warn({ err: error, interface: link.name }, 'DHCP socket')
      })
      return sockets
    } catch (error) {
      throw listenError(error, {
        face: `DHCP on ${link.name}`,
        protocol: 'udp',
        address: addresses.map(formatIpv4).join(', '),
        port: at,
        setting: 'dhcp.interfaces, or dhcp.mode: off'
      })
    }
  }

  #handedTo(link: Link): readonly HandedSocket[] {
    return this.#options.handedSockets?.filter(({ device }) => device === link.name) ?? []
  }

  /** Never throws: a datagram can only be answered, counted or dropped. */
  #receive(datagram: Buffer, arrival: Arrival, sender: Sender): void {
    if (!this.#receiving) return
    const receivedAt = this.#options.clock.monotonic()
    this.#counts.received += 1
    this.#counts.receivedBytes += datagram.length
    try {
      const packet = decodeDhcp(datagram)
      this.#messages.add(packet.options.get(OPTION.messageType)?.[0])
      if (this.#isRefused(packet, arrival, receivedAt) || this.#isOverloaded(packet)) return
      const received = { packet, arrival, sender, receivedAt }
      this.#perform(this.#handler.handle(packet, arrival, this.#time.now()), received)
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

  #isRefused(packet: DhcpPacket, { link, source }: Arrival, now: number): boolean {
    const identity = identityOf(packet)
    if (identity === undefined) return false // nobody will be answered
    const isKnown = this.#handler.knows(identity)
    const refusal = this.#admission.refuse({ identity, way: wayOf(packet, link.name), isKnown }, now)
    if (refusal === undefined) return false
    this.#counts.limited += 1
    this.#dropLog.count(refusal, packet.giaddr === 0 ? link.name : formatIpv4(source.address))
    return true
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

  #perform(outcome: Outcome, received: Received): void {
    const { lease } = outcome
    if (!lease || !this.#writer) {
      this.#answer(outcome, received)
      return
    }
    this.#writer.save(lease, (isSaved) => {
      if (!isSaved) {
        this.#unsaved(lease, received)
        return
      }
      this.#handler.saved(lease)
      this.#answer(outcome, received)
    })
  }

  #answer({ reply, event }: Outcome, { arrival, sender, receivedAt }: Received): void {
    const { clock, onAnswered } = this.#options
    if (event?.kind === 'dropped') this.#counts.malformed += 1
    if (reply) {
      this.#send(sender, reply)
      onAnswered?.((clock.monotonic() - receivedAt) / 1000)
    }
    if (event?.kind === 'ack' && event.stage === 'ipxe' && event.mac)
      this.#advertiser?.dismiss(arrival.link.name, event.mac)
    if (event) this.#tell(event)
  }

  #unsaved({ mac }: Lease, received: Received): void {
    const outcome = this.#handler.unsaved(received.packet, received.arrival, this.#time.now())
    if (outcome.reply) {
      this.#answer(outcome, received)
      return
    }
    this.#counts.unsaved += 1
    this.#dropLog.count('unsaved', mac)
  }

  /** From the address that was asked; a broadcast is answered from what we call ourselves there. */
  #send({ sockets, asked }: Sender, { bytes, to, from }: Reply): void {
    sockets.send(bytes, to, asked ?? from, (error) => {
      if (error) this.#sendFailed(error)
      else this.#sent(bytes.length)
    })
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

/** The one that a subnet names for us, if this card has it. */
function ownAddress(link: Link, config: DhcpConfig): Ipv4 {
  const named = config.subnets.map((subnet) => subnet.serverAddress)
  return link.addresses.find((address) => named.includes(address)) ?? link.addresses[0] ?? 0
}

/** SQLite's words, for an administrator. */
function whyUnsaved(error: unknown): string {
  const message = messageOf(error)
  if (/disk is full/.test(message)) return 'the disk of stateDir is full, and no lease can be saved'
  if (/readonly database/.test(message)) return 'the database in stateDir is read-only, and no lease can be saved'
  // What a write to an open file comes to when its file system turns read-only.
  if (/disk I\/O error/.test(message)) return 'the disk of stateDir is read-only or broken, and no lease can be saved'
  return `no lease can be saved (${message})`
}
