// The TFTP server: one listening socket per local address, one connected socket per transfer, nothing but reads.
import { isIPv6 } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Resolve, Resource, TransferReport } from '../boot/model.ts'
import type { ReadCached } from '../cached-reads.ts'
import type { Clock } from '../clock.ts'
import { DropLog } from '../drop-log.ts'
import type { Log } from '../log.ts'
import { parseAddress } from '../net/address.ts'
import type { InterfaceWatch } from '../net/interface-watch.ts'
import { type LocalAddress, localAddresses } from '../net/interfaces.ts'
import { type Listeners, openListeners } from '../net/listeners.ts'
import type { ChannelPorts, Peer, UdpEngine, UdpPort } from '../net/udp.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import { Admission, type AdmissionLimits } from './admission.ts'
import { Alarms } from './alarms.ts'
import { SlabCache } from './blocks.ts'
import { normaliseName, type RequestedName } from './names.ts'
import {
  decodeTftp,
  ErrorCode,
  encodeError,
  encodeOack,
  isRequest,
  type TftpPacket,
  type TftpRequest
} from './packet.ts'
import { Session, type SessionEnd, type TransferCounters } from './session.ts'
import { type Lease, Sources } from './source.ts'
import { blksizeForMtu, negotiate, type Terms, type TermsCaps } from './terms.ts'
import type { TransferTerms } from './transfer.ts'

export interface TftpLimits extends AdmissionLimits {
  /** The largest block granted; undefined: what travels unfragmented on the card that was asked. */
  readonly maxBlksize: number | undefined
  readonly maxWindowsize: number
  /** Linux gives a socket 208 KB, which datagrams fill with more than their bytes. */
  readonly maxWindowBytes: number
  /** Until the round trip is known; a client's `timeout` option takes its place. */
  readonly initialTimeoutMs: number
  /** The floor of the retransmission timer. */
  readonly minTimeoutMs: number
  /** The floor for clients that break on a doubled block (see `isFragile`). */
  readonly fragileMinTimeoutMs: number
  readonly maxTimeoutMs: number
  readonly giveUpAfterMs: number
  readonly minTries: number
  /** Datagrams kept ready for all transfers together. */
  readonly cacheBytes: number
  readonly progressEveryMs: number
}

export const DEFAULT_TFTP_LIMITS: TftpLimits = {
  maxBlksize: undefined,
  maxWindowsize: 64,
  maxWindowBytes: 128 * 1024,
  maxTransfers: 1024,
  maxTransfersPerSource: 256,
  requestsPerSecond: 500,
  requestBurst: 1000,
  initialTimeoutMs: 1000,
  minTimeoutMs: 10,
  fragileMinTimeoutMs: 1000,
  maxTimeoutMs: 10_000, // above the 5 s after which atftp and tftp-hpa speak up by themselves
  giveUpAfterMs: 15_000,
  minTries: 5,
  cacheBytes: 24 * 1024 * 1024,
  progressEveryMs: 1000
}

export interface TftpOptions {
  /**
   * Local addresses, as literals; `0.0.0.0` and `::` mean each that the machine has, also those that come later. An answer
   * leaves from the one that was asked: PXELINUX takes no other.
   */
  readonly addresses: readonly string[]
  /** 0: the kernel picks one for the first address, and the others use the same. */
  readonly port: number
  readonly udp: UdpEngine
  /** Undefined: a thread reads. */
  readonly readCached?: ReadCached | undefined
  /** Which ports transfers go by: `same` is the one that is listened on. Default: whichever the kernel picks. */
  readonly transferPorts?: ChannelPorts | undefined
  readonly interfaces: Pick<InterfaceWatch, 'current' | 'onChange'>
  readonly resolve: Resolve
  readonly report: (report: TransferReport) => void
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<TftpLimits> | undefined
  /** Clients whose loader breaks on a doubled DATA block (Raspberry Pi 4): nothing is sent twice within a second. */
  readonly isFragile?: ((client: Peer, name: string) => boolean) | undefined
}

export type DropReason =
  | 'malformed'
  | 'not-a-request'
  | 'unknown-transfer'
  | 'port-zero'
  | 'too-fast'
  | 'too-many-transfers'
  | 'too-many-from-source'
  /** Its answer was never heard of again: the address was borrowed, or a firewall stands between. */
  | 'unanswered'
  /** What was asked for is there and could not be read or sent. */
  | 'unserved'
  | 'internal'

/** Readable at any time; only the server writes. */
export interface TftpCounters extends TransferCounters {
  requests: number
  transfersInFlight: number
  transfersOk: number
  transfersFailed: number
  /** Ended by the client before it took any data: probes for size or existence. */
  probes: number
  readonly drops: Record<DropReason, number>
  /** ERROR packets sent in answer to requests, by code. */
  readonly errors: Record<number, number>
}

export interface TftpServer {
  readonly port: number
  readonly counters: Readonly<TftpCounters>
  /** Files open now. */
  readonly openFiles: number
  /** Stops listening, tells clients that are being served, and frees everything. */
  close(): Promise<void>
}

/** Rejects when an address can't be listened on (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`); then none is. */
export async function startTftpServer(options: TftpOptions): Promise<TftpServer> {
  const server = new Server(options)
  await server.listen()
  return server
}

/** From the RRQ until everything it held is free again. */
interface Transfer {
  readonly key: string
  readonly peer: Peer
  readonly listener: UdpPort
  readonly name: string
  readonly request: TftpRequest
  readonly startedAt: number
  lease: Lease | undefined
  session: Session | undefined
  over: boolean
}

/** From an RRQ to the first ACK, on a busy server; a client that finds no room asks again after a second. */
const TIME_TO_ANSWER_MS = 250
/** Who begins anew has been silent for longer: no client asks again within a second. */
const LATE_COPY_MS = 1000
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
/** An Ethernet's, where the card doesn't say. */
const DEFAULT_MTU = 1500
/** Answers to all strangers together. */
const STRANGER_LIMITS: AdmissionLimits = {
  maxTransfers: 0,
  maxTransfersPerSource: 0,
  requestsPerSecond: 20,
  requestBurst: 20
}
const UNKNOWN_TRANSFER = encodeError(ErrorCode.unknownTransferId, 'unknown transfer')

class Server implements TftpServer {
  readonly counters: TftpCounters = {
    requests: 0,
    bytes: 0,
    blocks: 0,
    retransmissions: 0,
    transfersInFlight: 0,
    transfersOk: 0,
    transfersFailed: 0,
    probes: 0,
    drops: {
      malformed: 0,
      'not-a-request': 0,
      'unknown-transfer': 0,
      'port-zero': 0,
      'too-fast': 0,
      'too-many-transfers': 0,
      'too-many-from-source': 0,
      unanswered: 0,
      unserved: 0,
      internal: 0
    },
    errors: {}
  }
  readonly #options: TftpOptions
  readonly #limits: TftpLimits
  readonly #admission: Admission
  readonly #strangers = new Admission(STRANGER_LIMITS)
  readonly #sources: Sources
  readonly #alarms: Alarms
  readonly #dropLog: DropLog
  readonly #transfers = new Map<string, Transfer>()
  #listeners: Listeners<UdpPort> | undefined
  #closing = false

  constructor(options: TftpOptions) {
    this.#options = options
    this.#limits = withinPorts({ ...DEFAULT_TFTP_LIMITS, ...options.limits }, options)
    this.#admission = new Admission(this.#limits)
    this.#sources = new Sources(new SlabCache({ budgetBytes: this.#limits.cacheBytes }), options.readCached)
    this.#alarms = new Alarms(options.clock)
    this.#dropLog = new DropLog({ ...options, protocol: 'TFTP' })
  }

  get port(): number {
    return this.#listeners?.port ?? this.#options.port
  }

  get openFiles(): number {
    return this.#sources.openFiles
  }

  async listen(): Promise<void> {
    const { addresses, port, interfaces, log } = this.#options
    this.#listeners = await openListeners({ addresses, port, interfaces, log, open: (...at) => this.#listenOn(...at) })
  }

  async close(): Promise<void> {
    this.#closing = true
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.session) transfer.session.stop('shutting-down', 'server is shutting down')
      else this.#finish(transfer)
    }
    await this.#listeners?.close()
    this.#dropLog.close()
  }

  async #listenOn({ address }: LocalAddress, port: number): Promise<UdpPort> {
    const listener: UdpPort = await this.#options.udp.openPort({
      address,
      port,
      channelPorts: this.#options.transferPorts ?? 'any',
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      startsAnew: isRequest,
      onDatagram: (datagram, peer) => this.#guarded(peer, () => this.#onDatagram(listener, datagram, peer)),
      onStranger: (datagram, peer, answer) => this.#guarded(peer, () => this.#onStranger(datagram, peer, answer)),
      onError: (error) => this.#options.log.debug({ address, code: error.code }, 'tftp: the socket complains')
    })
    return listener
  }

  /** A datagram must never end the process, whatever bug it finds. */
  #guarded(peer: Peer, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#internal(peer, error)
    }
  }

  #internal(peer: Peer, error: unknown): void {
    if (!this.#isFirstDrop('internal', peer)) return
    this.#options.log.error({ err: error }, 'tftp: a bug of ours; the datagram is dropped')
  }

  #drop(reason: DropReason, peer: Peer): undefined {
    this.#isFirstDrop(reason, peer)
  }

  /** Counts it; true when its details are worth a line. */
  #isFirstDrop(reason: DropReason, { address }: Peer): boolean {
    this.counters.drops[reason]++
    return this.#dropLog.count(reason, address)
  }

  #onDatagram(listener: UdpPort, datagram: Buffer, peer: Peer): void {
    const request = peer.port === 0 ? this.#drop('port-zero', peer) : this.#decode(datagram, peer)
    if (!request || this.#closing) return
    this.counters.requests++
    if (this.#admission.request(peer.address, this.#options.clock.monotonic())) {
      this.#onRequest(listener, request, { address: peer.address, port: peer.port })
    } else {
      this.#drop('too-fast', peer)
    }
  }

  /** Who sends to a transfer's port without having a transfer (RFC 1350 §4): it is told so, and disturbs nobody. */
  #onStranger(datagram: Buffer, peer: Peer, answer: (bytes: Buffer) => void): void {
    const kind = peer.port === 0 ? this.#drop('port-zero', peer) : this.#kindOf(datagram, peer)
    if (kind === undefined) return
    const isAnswerable = kind === 'ack' || kind === 'data' // never an error for an error
    this.#drop(isAnswerable ? 'unknown-transfer' : 'not-a-request', peer)
    if (!isAnswerable || !this.#strangers.request('', this.#options.clock.monotonic())) return
    this.#countError(ErrorCode.unknownTransferId)
    answer(UNKNOWN_TRANSFER)
  }

  #countError(code: ErrorCode): void {
    this.counters.errors[code] = (this.counters.errors[code] ?? 0) + 1
  }

  #kindOf(datagram: Buffer, peer: Peer): TftpPacket['kind'] | undefined {
    try {
      return decodeTftp(datagram).kind
    } catch (error) {
      if (error instanceof MalformedPacket) return this.#drop('malformed', peer)
      throw error
    }
  }

  /** Anything but a request is nobody's business here, and answering errors with errors never ends. */
  #decode(datagram: Buffer, peer: Peer): TftpRequest | undefined {
    try {
      const packet = decodeTftp(datagram)
      return packet.kind === 'request' ? packet : this.#drop('not-a-request', peer)
    } catch (error) {
      if (error instanceof MalformedPacket) return this.#drop('malformed', peer)
      throw error
    }
  }

  #onRequest(listener: UdpPort, request: TftpRequest, peer: Peer): void {
    const name = normaliseName(request.name)
    const refusal = refusalOf(request, name)
    if (refusal) this.#refuse(listener, peer, request, refusal)
    else if (name.kind === 'name' && !this.#isRepeated(peer, request, name.name))
      this.#admit(listener, request, peer, name.name)
  }

  /**
   * The same RRQ from the same port: its first answer was lost, or is slow. Another one ends the transfer before it. So
   * does the same one, but for a copy that comes late, while the client is answering: it waited in a queue of ours.
   */
  #isRepeated(peer: Peer, request: TftpRequest, name: string): boolean {
    const earlier = this.#transfers.get(keyOf(peer))
    if (!earlier) return false
    if (earlier.name === name && !earlier.session?.hasAnswered) {
      earlier.session?.repeatRequest()
      return true
    }
    const heardAt = earlier.session?.heardAt ?? Number.NEGATIVE_INFINITY
    const isHeard = this.#options.clock.monotonic() - heardAt < LATE_COPY_MS
    if (isHeard && isDeepStrictEqual(earlier.request, request)) return true
    if (earlier.session) earlier.session.replace()
    else this.#finish(earlier)
    return false
  }

  #admit(listener: UdpPort, request: TftpRequest, peer: Peer, name: string): void {
    const { clock } = this.#options
    if (this.#admission.isFull) this.#crowdOut()
    const admitted = this.#admission.begin(peer.address, clock.monotonic())
    // Silence, not an ERROR: firmware asks again after a moment, but gives up on an error.
    if (admitted === 'ok') this.#begin({ ...newTransfer(listener, request, peer, name), startedAt: clock.monotonic() })
    else this.#drop(admitted, peer)
  }

  #begin(transfer: Transfer): void {
    this.#transfers.set(transfer.key, transfer)
    this.counters.transfersInFlight = this.#transfers.size
    this.#start(transfer).catch((error: unknown) => this.#startFailed(transfer, error))
  }

  /**
   * Room for somebody who answers: the oldest transfer whose client has never been heard of again goes. But each has its
   * time to answer, or in a flood nobody had, and an ACK that finds no transfer makes firmware give up.
   */
  #crowdOut(): void {
    const oldEnough = this.#options.clock.monotonic() - TIME_TO_ANSWER_MS
    for (const transfer of this.#transfers.values()) {
      if (transfer.startedAt > oldEnough) return
      if (!transfer.session || transfer.session.hasAnswered) continue
      transfer.session.stop('crowded-out', undefined)
      return
    }
  }

  async #start(transfer: Transfer): Promise<void> {
    const { request, listener, peer, name } = transfer
    const resource = await this.#options.resolve({
      name,
      query: {},
      via: 'tftp',
      client: parseAddress(peer.address),
      server: parseAddress(listener.address)
    })
    if (transfer.over) return
    if (resource) {
      await this.#serve(transfer, resource)
    } else {
      this.#finish(transfer)
      this.#refuse(listener, peer, request, NOT_FOUND)
    }
  }

  async #serve(transfer: Transfer, resource: Resource): Promise<void> {
    const { request, listener } = transfer
    const mode = request.mode === 'netascii' ? 'netascii' : 'octet'
    const lease = await this.#sources.lease(resource, mode)
    transfer.lease = lease
    // What ended in the meantime could not let go of a lease that it did not have yet.
    if (transfer.over) lease.release()
    else await this.#transmit(transfer, lease, negotiate(request.options, lease.sizeBytes, mode, this.#caps(listener)))
  }

  async #transmit(transfer: Transfer, lease: Lease, terms: Terms): Promise<void> {
    const { clock } = this.#options
    const channel = await transfer.listener.openChannel(transfer.peer, {
      onDatagram: (datagram) => this.#receive(transfer, datagram),
      onError: (error) =>
        this.#guarded(transfer.peer, () => error.code === 'ECONNREFUSED' && transfer.session?.unreachable())
    })
    if (transfer.over) {
      channel.close()
      return
    }
    const reader = lease.blocks(terms.blksize)
    transfer.session = new Session({
      channel,
      clock,
      alarms: this.#alarms,
      reader,
      terms: this.#transferTerms(transfer, terms, reader.blocks),
      oack: terms.oack && encodeOack(terms.oack),
      counters: this.counters,
      progressEveryMs: this.#limits.progressEveryMs,
      onStarted: () => this.#report(transfer, 'started', 0),
      onProgress: (doneBytes) => this.#report(transfer, 'progress', doneBytes),
      onMalformed: () => this.#drop('malformed', transfer.peer),
      onEnd: (end) => this.#ended(transfer, end)
    })
  }

  /** Every packet of every transfer: no closure is made for it. */
  #receive(transfer: Transfer, datagram: Buffer): void {
    try {
      transfer.session?.receive(datagram)
    } catch (error) {
      this.#internal(transfer.peer, error)
    }
  }

  #caps({ address }: UdpPort): TermsCaps {
    const [local] = localAddresses([address], this.#options.interfaces.current)
    const unfragmented = blksizeForMtu(local?.card?.mtu ?? DEFAULT_MTU, isIPv6(address) ? 6 : 4)
    const { maxBlksize, maxWindowsize, maxWindowBytes } = this.#limits
    return { blksize: maxBlksize ?? unfragmented, windowsize: maxWindowsize, windowBytes: maxWindowBytes }
  }

  #transferTerms(transfer: Transfer, terms: Terms, blocks: number): TransferTerms {
    const { minTimeoutMs, fragileMinTimeoutMs, maxTimeoutMs, giveUpAfterMs, minTries } = this.#limits
    const fragile = this.#options.isFragile?.(transfer.peer, transfer.name) ?? false
    const initialTimeoutMs =
      terms.timeoutSeconds === undefined ? this.#limits.initialTimeoutMs : terms.timeoutSeconds * 1000
    return {
      blocks,
      windowsize: terms.windowsize,
      oack: terms.oack !== undefined,
      initialTimeoutMs,
      minTimeoutMs: fragile ? fragileMinTimeoutMs : minTimeoutMs,
      maxTimeoutMs: Math.max(maxTimeoutMs, initialTimeoutMs),
      giveUpAfterMs,
      minTries
    }
  }

  #ended(transfer: Transfer, end: SessionEnd): void {
    const { session } = transfer
    this.#finish(transfer)
    if (!session) return
    const totalBytes = transfer.lease?.sizeBytes ?? 0
    if (end.kind === 'ok') this.#succeeded(transfer, totalBytes)
    else if (isProbe(end, session)) this.#probed(transfer, reasonOf(end))
    else this.#failed(transfer, session, reasonOf(end))
  }

  #failed(transfer: Transfer, { doneBytes, hasAnswered }: Session, reason: string): void {
    this.counters.transfersFailed++
    if (!hasAnswered) this.#drop('unanswered', transfer.peer)
    this.#report(transfer, 'failed', doneBytes, reason)
  }

  #succeeded(transfer: Transfer, bytes: number): void {
    this.counters.transfersOk++
    this.#report(transfer, 'ok', bytes)
  }

  #probed({ peer, name }: Transfer, why: string): void {
    this.counters.probes++
    this.#options.log.debug({ client: peer.address, file: name, reason: why }, 'tftp: probed')
  }

  #startFailed(transfer: Transfer, error: unknown): void {
    if (transfer.over) return
    this.#finish(transfer)
    this.counters.transfersFailed++
    if (this.#isFirstDrop('unserved', transfer.peer)) {
      this.#options.log.error({ err: error, client: transfer.peer.address, file: transfer.name }, 'tftp: cannot serve')
    }
    // Neither 1 nor 2: the file is there, the trouble is ours and may pass.
    this.#refuse(transfer.listener, transfer.peer, transfer.request, {
      code: ErrorCode.undefined,
      message: 'server error'
    })
    this.#report(transfer, 'failed', 0, 'the server could not read or send it')
  }

  /** Lets go of everything the transfer holds; its session, if any, has ended. */
  #finish(transfer: Transfer): void {
    if (transfer.over) return
    transfer.over = true
    if (this.#transfers.get(transfer.key) === transfer) this.#transfers.delete(transfer.key)
    this.counters.transfersInFlight = this.#transfers.size
    this.#admission.release(transfer.peer.address)
    transfer.lease?.release()
  }

  #refuse(listener: UdpPort, peer: Peer, request: TftpRequest, { code, message }: Refusal): void {
    this.#countError(code)
    this.#options.log.debug({ client: peer.address, file: request.name, code, message }, 'tftp: refused')
    listener.sendTo(encodeError(code, message), peer)
  }

  #report(transfer: Transfer, outcome: TransferReport['outcome'], doneBytes: number, reason?: string): void {
    this.#guarded(transfer.peer, () =>
      this.#options.report({
        name: transfer.name,
        via: 'tftp',
        client: parseAddress(transfer.peer.address),
        outcome,
        doneBytes,
        totalBytes: transfer.lease?.sizeBytes ?? 0,
        sentBytes: doneBytes,
        retransmissions: transfer.session?.retransmissions,
        unanswered: !transfer.session?.hasAnswered,
        durationMs: this.#options.clock.monotonic() - transfer.startedAt,
        reason
      })
    )
  }
}

/** A transfer that would find no port left must wait in silence like any other beyond the limit. */
function withinPorts(limits: TftpLimits, { udp, transferPorts }: TftpOptions): TftpLimits {
  if (typeof transferPorts !== 'object') return limits
  return { ...limits, maxTransfers: Math.min(limits.maxTransfers, udp.channelsIn(transferPorts)) }
}

const FAILURES = {
  'refused-by-client': 'the client stopped it',
  'timed-out': 'the client stopped answering',
  'client-gone': 'the client went away',
  'read-failed': 'the file could not be read',
  replaced: 'the client asked for another file',
  'crowded-out': 'the client never answered and others waited',
  'shutting-down': 'the server is shutting down'
} as const satisfies Record<Extract<SessionEnd, { kind: 'failed' }>['reason'], string>

interface Refusal {
  readonly code: ErrorCode
  readonly message: string
}

const NOT_FOUND: Refusal = { code: ErrorCode.fileNotFound, message: 'file not found' }

/** U-Boot gives up on 1 and 2 alone, so those two are what a client gets for a name. */
function refusalOf(request: TftpRequest, name: RequestedName): Refusal | undefined {
  if (request.operation === 'write') return { code: ErrorCode.accessViolation, message: 'read only' }
  if (request.mode !== 'octet' && request.mode !== 'netascii') {
    return { code: ErrorCode.illegalOperation, message: 'unknown mode' }
  }
  if (name.kind === 'refused') return { code: ErrorCode.accessViolation, message: 'no such name is served' }
  return name.kind === 'empty' ? NOT_FOUND : undefined
}

function reasonOf(end: Extract<SessionEnd, { kind: 'failed' }>): string {
  return end.detail === '' ? FAILURES[end.reason] : `${FAILURES[end.reason]}: ${end.detail}`
}

/** EDK2 asks for the size and aborts, GRUB says "closed", a Raspberry Pi opens files to see whether they are there. */
function isProbe(end: Extract<SessionEnd, { kind: 'failed' }>, session: Session): boolean {
  return end.reason === 'refused-by-client' && session.doneBytes === 0
}

function newTransfer(listener: UdpPort, request: TftpRequest, peer: Peer, name: string): Omit<Transfer, 'startedAt'> {
  return { key: keyOf(peer), peer, listener, name, request, lease: undefined, session: undefined, over: false }
}

function keyOf(peer: Peer): string {
  return `${peer.address} ${peer.port}`
}
