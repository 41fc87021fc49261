// One request, one outcome: the DHCP server's decisions (RFC 2131 §4.3). Pure: the socket saves the lease, then sends.
import type { BootAnswers } from '../boot/answer.ts'
import type { DhcpEvent } from '../boot/journal.ts'
import { grantTo, type LeaseChange } from '../boot/lease-change.ts'
import type { Client } from '../boot/model.ts'
import { contains, formatIpv4, formatSubnet, type Ipv4, type Subnet } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import { type BootFields, bootFields } from './boot-options.ts'
import { destinationOf, type Endpoint, informDestination } from './destination.ts'
import { asksFor, type Facts, factsOf } from './facts.ts'
import { type Claimant, type Lease, SubnetLeases, type Usage } from './leases.ts'
import { subnetFor } from './overrides.ts'
import type { DhcpPacket } from './packet.ts'
import { MESSAGE_TYPE } from './registry.ts'
import { encodeReply, nakPacket, networkFacts, replyPacket } from './reply.ts'
import type { DhcpConfig, DhcpSubnet, Reservations } from './settings.ts'
import { chooseSubnet, type Link, serverAddress } from './subnets.ts'

/** Whoever has less than that left of a lease is better off with no answer than with that one. */
const SHORTEST_LEASE_SECONDS = 60

/** How a packet came to us. */
export interface Arrival {
  readonly link: Link
  readonly source: Endpoint
  /** The port that it was sent to. */
  readonly port: 67 | 4011
}

export interface Reply {
  readonly bytes: Buffer
  readonly to: Endpoint
  /** What we call ourselves to this client; not always an address of ours. */
  readonly from: Ipv4
}

export interface Outcome {
  /** To be on disk before the reply leaves, or the reply does not leave. */
  readonly lease: Lease | undefined
  readonly reply: Reply | undefined
  /** Undefined when there is nothing to tell: the packet was for another server. */
  readonly event: DhcpEvent | undefined
}

export interface SubnetUsage extends Usage {
  readonly subnet: Subnet
}

export interface DhcpHandlerDeps {
  readonly config: DhcpConfig
  readonly boot: BootAnswers
  readonly reservations: Reservations
}

interface ServedSubnet extends DhcpSubnet {
  readonly leases: SubnetLeases
}

/** All that the decisions about one packet stand on. */
interface Request {
  readonly packet: DhcpPacket
  readonly facts: Facts
  readonly who: Claimant
  readonly arrival: Arrival
  readonly subnet: ServedSubnet | undefined
  readonly serverId: Ipv4
  readonly now: number
}

type InSubnet = Request & { readonly subnet: ServedSubnet }

/** A client-id, or a relay agent's option, of hundreds of bytes. */
const NO_ROOM = 'what would have to be sent back leaves no room for an answer'

const SILENCE: Outcome = { lease: undefined, reply: undefined, event: undefined }

export class DhcpHandler {
  readonly #config: DhcpConfig
  readonly #boot: BootAnswers
  readonly #reservations: Reservations
  readonly #subnets: readonly ServedSubnet[]

  constructor({ config, boot, reservations }: DhcpHandlerDeps) {
    this.#config = config
    this.#boot = boot
    this.#reservations = reservations
    this.#subnets = config.subnets.map((subnet) => ({
      ...subnet,
      leases: new SubnetLeases(subnet, config, reservations)
    }))
  }

  /** Once, before the first packet. */
  restore(leases: readonly Lease[], now: number): void {
    for (const subnet of this.#subnets) subnet.leases.restore(leases, now)
  }

  /** How full each subnet is. */
  usage(): readonly SubnetUsage[] {
    return this.#subnets.map(({ subnet, leases }) => ({ subnet, ...leases.usage() }))
  }

  /** Our own addresses are never a client's. */
  exclude(addresses: readonly Ipv4[]): void {
    for (const { leases } of this.#subnets) for (const address of addresses) leases.exclude(address)
  }

  /** The clock was set by so many ms. */
  shift(ms: number): void {
    for (const { leases } of this.#subnets) leases.shift(ms)
  }

  /** The lease of an outcome is on disk now. */
  saved(lease: Lease): void {
    for (const { leases } of this.#subnets) if (leases.inSubnet(lease.address)) leases.saved(lease)
  }

  /** A host with a name, or a machine that holds a lease or an offer. */
  knows(identity: Mac): boolean {
    return (
      this.#reservations.hostname(identity) !== undefined || this.#subnets.some(({ leases }) => leases.holds(identity))
    )
  }

  /** An administrator takes a lease away. The lease to save, or undefined when nobody has it. */
  revoke(address: Ipv4, now: number): Lease | undefined {
    return this.#subnets.find(({ leases }) => leases.inSubnet(address))?.leases.revoke(address, now)
  }

  /** Throws MalformedPacket when an option that decides something is malformed. @param now ms since 1970 */
  handle(packet: DhcpPacket, arrival: Arrival, now: number): Outcome {
    const request = this.#requestOf(packet, arrival, now)
    if (request === undefined) return SILENCE
    if (arrival.port === 4011) return this.#bootServer(request)
    if (this.#config.mode === 'proxy') return this.#proxy(request)
    return isInSubnet(request) ? this.#authoritative(request) : SILENCE
  }

  /**
   * The lease that `handle` gave to this packet could not be saved. What is on disk still stands: a machine that has a
   * lease there is told what is left of it, and nobody else is answered.
   */
  unsaved(packet: DhcpPacket, arrival: Arrival, now: number): Outcome {
    const request = this.#requestOf(packet, arrival, now)
    if (request?.facts.messageType !== MESSAGE_TYPE.request || !isInSubnet(request)) return SILENCE
    const { subnet, who, facts } = request
    const address = packet.ciaddr || facts.requestedAddress || 0
    const left = Math.floor(subnet.leases.promisedMs(who.identity, address, now) / 1000)
    if (left < SHORTEST_LEASE_SECONDS) return SILENCE
    const leaseSeconds = Math.min(left, subnet.leaseSeconds)
    return this.#grant({ ...request, subnet: { ...subnet, leaseSeconds } }, 'ack', address)
  }

  #requestOf(packet: DhcpPacket, arrival: Arrival, now: number): Request | undefined {
    if (this.#config.mode === 'off' || packet.op !== 'request') return undefined
    const facts = factsOf(packet)
    if (facts.identity === undefined || facts.messageType === undefined) return undefined
    const served = chooseSubnet(this.#subnets, packet, facts, arrival.link)
    const subnet = served && subnetFor(served, this.#boot.dhcpOptions(facts.mac))
    const serverId = facts.serverIdOverride ?? serverAddress(subnet, arrival.link)
    if (serverId === undefined) return undefined
    const { identity, clientId, hostname } = facts
    const who = { identity, clientId, hostname, leaseSeconds: subnet?.leaseSeconds }
    return { packet, facts, who, arrival, subnet, serverId, now }
  }

  #authoritative(request: InSubnet): Outcome {
    switch (request.facts.messageType) {
      case MESSAGE_TYPE.discover:
        return this.#discover(request)
      case MESSAGE_TYPE.request:
        return this.#request(request)
      case MESSAGE_TYPE.inform:
        return this.#inform(request)
      case MESSAGE_TYPE.decline:
        return decline(request)
      case MESSAGE_TYPE.release:
        return release(request)
      default:
        return SILENCE
    }
  }

  #discover(request: InSubnet): Outcome {
    const { subnet, who, facts, now } = request
    const address = subnet.leases.offer(who, facts.requestedAddress, now)
    if (address === undefined) {
      return {
        ...SILENCE,
        event: eventOf(request, 'pool-empty', undefined, `no address of ${formatSubnet(subnet.subnet)} is free`)
      }
    }
    return this.#grant(request, 'offer', address)
  }

  /** SELECTING names us in option 54, INIT-REBOOT an address in option 50, RENEWING and REBINDING have one already. */
  #request(request: InSubnet): Outcome {
    const { packet, facts, subnet, who, now } = request
    if (facts.serverId !== undefined && !isOurs(facts.serverId, request)) {
      subnet.leases.withdraw(who.identity, now)
      return SILENCE
    }
    const address = packet.ciaddr || facts.requestedAddress
    if (!address) return SILENCE
    if (!contains(subnet.subnet, address)) return nak(request, address, 'that address is not of this network')
    const before = subnet.leases.latestLease(address, now)
    const lease = subnet.leases.bind(who, address, now)
    if (!lease) return nak(request, address, 'that address is not yours')
    return this.#grant(request, 'ack', address, lease, grantTo(who.identity, before, lease.expiresAt))
  }

  #inform(request: InSubnet): Outcome {
    const { packet, facts, arrival, subnet, who } = request
    const address = packet.ciaddr || arrival.source.address || undefined
    const boot = this.#bootFields(request, address)
    const hostname = this.#reservations.hostname(who.identity)
    const reply = replyPacket({ ...request, ...noLease(packet), messageType: MESSAGE_TYPE.ack, subnet, hostname, boot })
    const to = informDestination(packet, facts, arrival.source)
    return sent(request, 'ack', address, reply, to, 'parameters')
  }

  #grant(request: InSubnet, kind: 'offer' | 'ack', address: Ipv4, lease?: Lease, change?: LeaseChange): Outcome {
    const { packet, facts, arrival, subnet, who, serverId } = request
    const reply = replyPacket({
      request: packet,
      facts,
      serverId,
      subnet,
      messageType: MESSAGE_TYPE[kind],
      yiaddr: address,
      grantsLease: true,
      hostname: this.#reservations.hostname(who.identity),
      boot: this.#bootFields(request, address)
    })
    const to = destinationOf(packet, facts, kind, arrival.source)
    const detail = kind === 'offer' ? 'offered' : `leased for ${subnet.leaseSeconds} s`
    return sent(request, kind, address, reply, to, `${formatIpv4(address)} ${detail}`, change, lease)
  }

  /** Beside another server: only boot options, and only to machines that boot. */
  #proxy(request: Request): Outcome {
    const { facts } = request
    switch (facts.messageType) {
      case MESSAGE_TYPE.discover:
        return this.#bootReply(request, 'offer')
      case MESSAGE_TYPE.request: // some firmware asks the proxy itself to confirm
        return facts.serverId !== undefined && isOurs(facts.serverId, request)
          ? this.#bootReply(request, 'ack')
          : SILENCE
      case MESSAGE_TYPE.inform:
        return asksFor(facts, this.#config.optionCode) ? this.#kernelLine(request) : this.#bootReply(request, 'ack')
      default:
        return SILENCE
    }
  }

  /** PXE boot servers are asked on port 4011 (PXE 2.1 §2.2.5), whatever gave the address. */
  #bootServer(request: Request): Outcome {
    const { messageType, bootItem } = request.facts
    if (messageType !== MESSAGE_TYPE.request && messageType !== MESSAGE_TYPE.inform) return SILENCE
    // Bit 15 of the layer asks for boot integrity services, which nobody serves.
    if (bootItem && ((bootItem[2] ?? 0) & 0x80) !== 0) return SILENCE
    return this.#bootReply(request, 'ack')
  }

  #bootReply(request: Request, kind: 'offer' | 'ack'): Outcome {
    const { packet, facts, arrival } = request
    if (facts.vendor === undefined && facts.stage === 'system') return SILENCE
    const boot = this.#bootFields(request, packet.ciaddr || undefined)
    if (boot.siaddr === 0) return SILENCE
    const reply = replyPacket({
      ...request,
      ...noLease(packet),
      messageType: MESSAGE_TYPE[kind],
      subnet: undefined,
      hostname: undefined,
      boot
    })
    const to =
      arrival.port === 4011 && packet.giaddr === 0 && arrival.source.address !== 0
        ? arrival.source // EDK2 listens on 4011, not on 68
        : destinationOf(packet, facts, kind, arrival.source)
    return sent(request, 'proxy-offer', packet.ciaddr || undefined, reply, to, boot.file)
  }

  /** An initramfs in a network with another DHCP server asks for the kernel line alone. */
  #kernelLine(request: Request): Outcome {
    const { packet, facts, arrival } = request
    const boot = this.#bootFields(request, packet.ciaddr || arrival.source.address || undefined)
    if (!boot.options.has(this.#config.optionCode)) return SILENCE
    const reply = replyPacket({
      ...request,
      ...noLease(packet),
      messageType: MESSAGE_TYPE.ack,
      subnet: undefined,
      hostname: undefined,
      boot
    })
    const to = informDestination(packet, facts, arrival.source)
    return sent(request, 'ack', packet.ciaddr || undefined, reply, to, 'kernel line')
  }

  #bootFields({ facts, arrival, serverId, subnet, who }: Request, address: Ipv4 | undefined): BootFields {
    const { mac, arch, stage, uuid } = facts
    const client: Client = { mac, address, arch, stage, uuid }
    const given = this.#config.mode === 'authoritative' ? subnet : undefined
    const network = given && networkFacts(given, this.#reservations.hostname(who.identity))
    // A relay may have put its own address in our place (RFC 5107): files are still fetched from us.
    const server = facts.serverIdOverride === undefined ? serverId : (serverAddress(subnet, arrival.link) ?? serverId)
    const answer = this.#boot.answer(client, server, network)
    return bootFields({ answer, facts, config: this.#config, port: arrival.port })
  }
}

function isInSubnet(request: Request): request is InSubnet {
  return request.subnet !== undefined
}

function isOurs(serverId: Ipv4, { serverId: own, arrival, subnet }: Request): boolean {
  return serverId === own || serverId === subnet?.serverAddress || arrival.link.addresses.includes(serverId)
}

function noLease(packet: DhcpPacket): { yiaddr: 0; grantsLease: false; request: DhcpPacket } {
  return { yiaddr: 0, grantsLease: false, request: packet }
}

function decline(request: InSubnet): Outcome {
  const { facts, subnet, who, now } = request
  const address = facts.requestedAddress
  if (!address || (facts.serverId !== undefined && !isOurs(facts.serverId, request))) return SILENCE
  const lease = subnet.leases.decline(who, address, now)
  if (!lease) return SILENCE
  return {
    lease,
    reply: undefined,
    event: eventOf(request, 'decline', address, `${formatIpv4(address)} is in use by somebody else`, {
      what: 'declined',
      until: lease.expiresAt,
      formerMac: undefined
    })
  }
}

function release(request: InSubnet): Outcome {
  const { packet, facts, subnet, who, now } = request
  if (!packet.ciaddr || (facts.serverId !== undefined && !isOurs(facts.serverId, request))) return SILENCE
  const lease = subnet.leases.release(who, packet.ciaddr, now)
  if (!lease) return SILENCE
  const change = { what: 'released', until: now, formerMac: undefined } as const
  return { lease, reply: undefined, event: eventOf(request, 'release', packet.ciaddr, 'given back', change) }
}

function nak(request: InSubnet, address: Ipv4, why: string): Outcome {
  const { packet, facts, serverId, arrival } = request
  const to = destinationOf(packet, facts, 'nak', arrival.source)
  const reply = nakPacket(packet, serverId, why)
  return sent(request, 'nak', address, reply, to, `${formatIpv4(address)}: ${why}`)
}

function sent(
  request: Request,
  kind: DhcpEvent['kind'],
  address: Ipv4 | undefined,
  reply: DhcpPacket,
  to: Endpoint,
  detail: string,
  change?: LeaseChange,
  lease?: Lease
): Outcome {
  const encoded = encodeReply(reply, request.facts)
  if (!encoded) return { lease, reply: undefined, event: eventOf(request, 'dropped', undefined, NO_ROOM) }
  const { bytes, leftOut } = encoded
  const cut = leftOut.length > 0 ? `, no room for options ${leftOut.join(', ')}` : ''
  const event = eventOf(request, kind, address, `${detail}${cut}`, change)
  return { lease, reply: { bytes, to, from: request.serverId }, event }
}

function eventOf(
  { facts }: Request,
  kind: DhcpEvent['kind'],
  address: Ipv4 | undefined,
  detail: string,
  lease?: LeaseChange
): DhcpEvent {
  const { mac, stage, arch, uuid } = facts
  return { kind, mac, address, stage, arch, uuid, detail, lease }
}
