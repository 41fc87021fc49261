// Replies as packets: what RFC 2131 table 3 copies from the request, the subnet's parameters, the boot fields.
import type { NetworkFacts } from '../boot/answer.ts'
import { broadcastAddress, type Ipv4, netmask } from '../net/ipv4.ts'
import type { BootFields } from './boot-options.ts'
import { type Facts, wants } from './facts.ts'
import { ipv4, ipv4List, type Route, routes, text, u8, u16, u32 } from './options.ts'
import { BROADCAST_FLAG, type DhcpPacket, type EncodeLimits, encodeDhcp, PacketTooLong } from './packet.ts'
import { OPTION } from './registry.ts'
import type { DhcpSubnet } from './settings.ts'

export interface ReplyInput {
  readonly request: DhcpPacket
  readonly facts: Facts
  readonly messageType: number
  readonly serverId: Ipv4
  /** 0 when no address is given. */
  readonly yiaddr: Ipv4
  /** For as long as the subnet says; INFORM and ProxyDHCP grant none. */
  readonly grantsLease: boolean
  /** Undefined in proxy mode: the network is somebody else's to describe. */
  readonly subnet: DhcpSubnet | undefined
  readonly hostname: string | undefined
  readonly boot: BootFields | undefined
}

// What raw options must not say otherwise: the protocol itself stands on these.
const OURS: ReadonlySet<number> = new Set([
  OPTION.pad,
  OPTION.requestedAddress,
  OPTION.leaseTime,
  OPTION.overload,
  OPTION.messageType,
  OPTION.serverId,
  OPTION.clientId,
  OPTION.relayAgent,
  OPTION.end
])

/** Only with a lease (RFC 2131 table 3). */
const LEASE_TIMES: ReadonlySet<number> = new Set([OPTION.renewalTime, OPTION.rebindingTime])

export function replyPacket(input: ReplyInput): DhcpPacket {
  const { request, facts, subnet, boot } = input
  const options = new Map<number, Uint8Array>()
  const { grantsLease } = input
  if (subnet) {
    for (const { code, value, to } of networkOptions(subnet)) {
      if (to === 'lease' ? grantsLease : to === 'all' || wants(facts, code)) options.set(code, value)
    }
    if (input.hostname !== undefined && wants(facts, OPTION.hostname)) {
      options.set(OPTION.hostname, text(input.hostname))
    }
    addRaw(options, subnet.options, grantsLease)
  }
  addRaw(options, boot?.options, grantsLease)
  options.set(OPTION.messageType, MESSAGE_TYPES[input.messageType] ?? u8(input.messageType))
  options.set(OPTION.serverId, serverIdOf(input.serverId))
  if (boot && options.has(OPTION.vendorClass)) echo(options, request, OPTION.clientUuid)
  echo(options, request, OPTION.clientId) // RFC 6842
  if (request.giaddr !== 0) echo(options, request, OPTION.relayAgent) // RFC 3046 §2.2
  const { flags, ciaddr } = request
  return replyTo(request, {
    flags,
    ciaddr,
    yiaddr: input.yiaddr,
    siaddr: boot?.siaddr ?? 0,
    file: boot?.file ?? '',
    options
  })
}

/** Made once, for one is in each reply. */
const MESSAGE_TYPES = Array.from({ length: 9 }, (_, type) => u8(type))

/** The last one: most servers have but one. */
let serverId = { address: 0, value: ipv4(0) }

function serverIdOf(address: Ipv4): Uint8Array {
  if (serverId.address !== address) serverId = { address, value: ipv4(address) }
  return serverId.value
}

export function nakPacket(request: DhcpPacket, serverId: Ipv4, why: string): DhcpPacket {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, u8(6)],
    [OPTION.serverId, ipv4(serverId)],
    [OPTION.message, text(why)]
  ])
  echo(options, request, OPTION.clientId)
  if (request.giaddr !== 0) echo(options, request, OPTION.relayAgent)
  // RFC 2131 §4.3.2: the client may have no usable address, so the relay agent must broadcast it.
  const flags = request.giaddr === 0 ? request.flags : request.flags | BROADCAST_FLAG
  return replyTo(request, { flags, ciaddr: 0, yiaddr: 0, siaddr: 0, file: '', options })
}

type Given = Pick<DhcpPacket, 'flags' | 'ciaddr' | 'yiaddr' | 'siaddr' | 'file' | 'options'>

function replyTo({ htype, xid, giaddr, chaddr }: DhcpPacket, given: Given): DhcpPacket {
  const { flags, ciaddr, yiaddr, siaddr, file, options } = given
  return {
    op: 'reply',
    htype,
    hops: 0,
    xid,
    secs: 0,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: '',
    file,
    options
  }
}

function echo(options: Map<number, Uint8Array>, request: DhcpPacket, code: number): void {
  const value = request.options.get(code)
  if (value) options.set(code, value)
}

function addRaw(
  options: Map<number, Uint8Array>,
  raw: ReadonlyMap<number, Uint8Array> | undefined,
  grantsLease: boolean
): void {
  raw?.forEach((value, code) => {
    if (!OURS.has(code) && (grantsLease || !LEASE_TIMES.has(code))) options.set(code, value)
  })
}

/** What a subnet's replies say. */
interface NetworkOption {
  readonly code: number
  readonly value: Uint8Array
  /** With each lease, to everybody, or to whoever asks for it. */
  readonly to: 'lease' | 'all' | 'wanting'
}

/** Laid out once for each subnet, for they are in every reply. */
const NETWORK_OPTIONS = new WeakMap<DhcpSubnet, readonly NetworkOption[]>()

function networkOptions(subnet: DhcpSubnet): readonly NetworkOption[] {
  const known = NETWORK_OPTIONS.get(subnet)
  if (known) return known
  const options = [...leaseOptions(subnet), ...descriptions(subnet)]
  NETWORK_OPTIONS.set(subnet, options)
  return options
}

/** T1 at half and T2 at seven eighths (RFC 2131 §4.4.5). */
function leaseOptions({ leaseSeconds }: DhcpSubnet): readonly NetworkOption[] {
  const to = 'lease'
  return [
    { code: OPTION.leaseTime, value: u32(leaseSeconds), to },
    { code: OPTION.renewalTime, value: u32(Math.floor(leaseSeconds / 2)), to },
    { code: OPTION.rebindingTime, value: u32(Math.floor((leaseSeconds * 7) / 8)), to }
  ]
}

/** Mask, router and DNS go to everybody: a Raspberry Pi needs a router that it never asks for. */
function descriptions({ subnet, router, dns = [], ntp = [], domain, mtu, routes: more = [] }: DhcpSubnet) {
  const options: NetworkOption[] = []
  const add = (code: number, value: Uint8Array, to: NetworkOption['to']) => options.push({ code, value, to })
  add(OPTION.subnetMask, ipv4(netmask(subnet.prefix)), 'all')
  if (router !== undefined) add(OPTION.router, ipv4(router), 'all')
  if (dns.length > 0) add(OPTION.dns, ipv4List(dns), 'all')
  if (domain !== undefined) add(OPTION.domain, text(domain), 'wanting')
  if (mtu !== undefined) add(OPTION.mtu, u16(mtu), 'wanting')
  add(OPTION.broadcastAddress, ipv4(broadcastAddress(subnet)), 'wanting')
  if (ntp.length > 0) add(OPTION.ntp, ipv4List(ntp), 'wanting')
  if (more.length > 0) add(OPTION.classlessRoutes, routes(withDefault(more, router)), 'wanting')
  return options
}

/** RFC 3442: a client that takes option 121 passes over option 3, so the default route must be in both. */
function withDefault(list: readonly Route[], router: Ipv4 | undefined): readonly Route[] {
  if (router === undefined || list.some(({ to }) => to.prefix === 0)) return list
  return [...list, { to: { network: 0, prefix: 0 }, via: router }]
}

/** The same facts for the kernel's `ip=` argument. */
export function networkFacts(subnet: DhcpSubnet, hostname: string | undefined): NetworkFacts {
  return {
    netmask: netmask(subnet.subnet.prefix),
    router: subnet.router,
    dns: subnet.dns ?? [],
    ntp: subnet.ntp ?? [],
    hostname
  }
}

// A reply that lost one of these would be worse than none; the rest may be left out when the client has no room.
const NEEDED: ReadonlySet<number> = new Set([53, 54, 51, 58, 59, 1, 3, 6, 60, 97, 43, 66, 67, 61, 82])

export interface EncodedReply {
  readonly bytes: Buffer
  /** Codes that did not fit, the longest first. */
  readonly leftOut: readonly number[]
}

/** Undefined when not even the needed options fit: a client or its relay agent may send more than can go back. */
export function encodeReply(packet: DhcpPacket, facts: Facts): EncodedReply | undefined {
  const limits: EncodeLimits = { maxLengthBytes: facts.maxLengthBytes, overload: facts.stage === 'system' }
  const leftOut: number[] = []
  for (let fitting = packet; ; ) {
    try {
      return { bytes: encodeDhcp(fitting, limits), leftOut }
    } catch (error) {
      if (!(error instanceof PacketTooLong)) throw error
      const spare = longestSpare(fitting.options)
      if (spare === undefined) return undefined
      const options = new Map(fitting.options)
      options.delete(spare)
      leftOut.push(spare)
      fitting = { ...packet, options }
    }
  }
}

function longestSpare(options: ReadonlyMap<number, Uint8Array>): number | undefined {
  let longest: number | undefined
  for (const [code, value] of options) {
    if (NEEDED.has(code)) continue
    if (longest === undefined || value.length > (options.get(longest)?.length ?? 0)) longest = code
  }
  return longest
}
