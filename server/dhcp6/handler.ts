// One message, one outcome: the DHCPv6 server's decisions (RFC 8415 §18.3). Pure: the socket saves the leases, then sends.
import type { BootAnswers } from '../boot/answer.ts'
import type { DhcpEvent } from '../boot/journal.ts'
import { grantTo, type LeaseChange } from '../boot/lease-change.ts'
import { Admission, type Refusal } from '../net/admission.ts'
import { contains6, type Ipv6, type Prefix6 } from '../net/ipv6.ts'
import type { Mac } from '../net/mac.ts'
import { bootOptions } from './boot-options.ts'
import { type Facts6, factsOf, wayOf } from './facts.ts'
import { type Forgotten6, type Lease6, SubnetLeases6, type Usage6 } from './leases.ts'
import { addressList, association, type Grant, type IdentityAssociation, status } from './options.ts'
import { encodeMessage, encodeRelayReply, type Option6, type Options6, type Received6 } from './packet.ts'
import { MESSAGE, OPTION, STATUS } from './registry.ts'
import type { Dhcp6Config, Dhcp6Subnet } from './settings.ts'

/** The interface that a packet came in by. */
export interface Link6 {
  readonly name: string
  /** Our own addresses on it that others can reach through routers. */
  readonly addresses: readonly Ipv6[]
}

/** How a message came to us. */
export interface Arrival6 {
  readonly link: Link6
  readonly source: Ipv6
  /** The port that it was sent to. */
  readonly port: 547 | 4011
}

export interface Outcome6 {
  /** To be on disk before the reply leaves, or the reply does not leave. */
  readonly leases: readonly (Lease6 | Forgotten6)[]
  /** Goes back to where the message came from. */
  readonly reply: Buffer | undefined
  /** Undefined when there is nothing to tell: the message was for another server. */
  readonly event: DhcpEvent | undefined
  /** Why it was not looked at. */
  readonly refusal?: Refusal
}

export interface SubnetUsage6 extends Usage6 {
  readonly subnet: Prefix6
}

export interface Dhcp6HandlerDeps {
  readonly config: Dhcp6Config
  readonly boot: BootAnswers<Ipv6>
  /** The inventory names it; asked for each message, so it must be a look-up. */
  readonly isKnownHost: (identity: Mac) => boolean
  /** Our DUID. */
  readonly serverId: Uint8Array
}

interface ServedSubnet extends Dhcp6Subnet {
  readonly leases: SubnetLeases6
}

/** All that the decisions about one message stand on. */
interface Request {
  readonly received: Received6
  readonly facts: Facts6
  readonly arrival: Arrival6
  readonly now: number
}

type FromClient = Request & { readonly clientId: Uint8Array; readonly identity: string }

type InSubnet = FromClient & { readonly subnet: ServedSubnet }

const NO_ADDRESS = 'no IPv6 address to give: this machine asks for none, or others use those that would be its'

/** Whose MAC is remembered: who asks again from an address that does not show it. */
const MACHINES = 20_000

const SILENCE: Outcome6 = { leases: [], reply: undefined, event: undefined }

/** What each message must not lack and must not have (RFC 8415 §16); INFORMATION-REQUEST may do as it likes. */
const SERVER_ID_RULE: ReadonlyMap<number, 'ours' | 'none' | 'any'> = new Map([
  [MESSAGE.solicit, 'none'],
  [MESSAGE.request, 'ours'],
  [MESSAGE.confirm, 'none'],
  [MESSAGE.renew, 'ours'],
  [MESSAGE.rebind, 'none'],
  [MESSAGE.release, 'ours'],
  [MESSAGE.decline, 'ours'],
  [MESSAGE.informationRequest, 'any']
])

export class Dhcp6Handler {
  readonly #config: Dhcp6Config
  readonly #boot: BootAnswers<Ipv6>
  readonly #isKnownHost: Dhcp6HandlerDeps['isKnownHost']
  readonly #serverId: Uint8Array
  readonly #admission: Admission
  readonly #subnets: readonly ServedSubnet[]
  /** By DUID in hex, the one heard of longest ago first. */
  readonly #macs = new Map<string, Mac>()

  constructor({ config, boot, isKnownHost, serverId }: Dhcp6HandlerDeps) {
    this.#config = config
    this.#boot = boot
    this.#isKnownHost = isKnownHost
    this.#serverId = serverId
    this.#admission = new Admission(config.limits)
    this.#subnets = config.subnets.map((subnet) => ({ ...subnet, leases: new SubnetLeases6(subnet) }))
  }

  /** Once, before the first message. */
  restore(leases: readonly Lease6[]): void {
    for (const { leases: own } of this.#subnets) own.restore(leases)
  }

  /** @param now ms since 1970 */
  usage(now: number): readonly SubnetUsage6[] {
    return this.#subnets.map(({ subnet, leases }) => ({ subnet, ...leases.usage(now) }))
  }

  /** Throws MalformedPacket when an option that decides something is malformed. @param now ms since 1970; never jumps */
  handle(received: Received6, arrival: Arrival6, now: number): Outcome6 {
    const facts = this.#withMac(factsOf(received, arrival.source))
    const request = { received, facts, arrival, now }
    if (!this.#isForUs(request)) return SILENCE
    const refusal = this.#refuse(request)
    if (refusal !== undefined) return { ...SILENCE, refusal }
    this.#remember(facts)
    const { clientId, identity } = facts
    if (received.message.type === MESSAGE.informationRequest) return this.#information(request)
    if (clientId === undefined || identity === undefined) return SILENCE
    const fromClient = { ...request, clientId, identity }
    if (this.#config.mode === 'stateless') return this.#stateless(fromClient)
    const subnet = this.#subnetOf(received, arrival.link)
    return subnet === undefined ? SILENCE : this.#authoritative({ ...fromClient, subnet })
  }

  /** EDK2's question on port 4011 comes from the address that another server gave it, and shows a DUID alone. */
  #withMac(facts: Facts6): Facts6 {
    if (facts.mac !== undefined || facts.clientId === undefined) return facts
    const mac = this.#macs.get(hex(facts.clientId))
    return mac === undefined ? facts : { ...facts, mac, identity: mac }
  }

  #remember({ clientId, mac }: Facts6): void {
    if (clientId === undefined || mac === undefined) return
    const duid = hex(clientId)
    this.#macs.delete(duid)
    this.#macs.set(duid, mac)
    const [oldest] = this.#macs.keys()
    if (this.#macs.size > MACHINES && oldest !== undefined) this.#macs.delete(oldest)
  }

  #refuse({ received, facts, arrival, now }: Request): Refusal | undefined {
    const identity = facts.identity ?? arrival.source // who only asks for information needs no DUID
    const subnet = this.#subnetOf(received, arrival.link)
    const isKnown = this.#isKnownHost(identity) || (subnet?.leases.holds(identity, now) ?? false)
    return this.#admission.refuse({ identity, way: wayOf(received, arrival.link.name), isKnown }, now)
  }

  #isForUs({ received, facts }: Request): boolean {
    switch (SERVER_ID_RULE.get(received.message.type)) {
      case 'ours':
        return isSame(facts.serverId, this.#serverId)
      case 'none':
        return facts.serverId === undefined
      case 'any':
        return facts.serverId === undefined || isSame(facts.serverId, this.#serverId)
      case undefined:
        return false
    }
  }

  /** The relay's word on the link, nearest to the client first; else the interface that the message came in by. */
  #subnetOf({ relays }: Received6, link: Link6): ServedSubnet | undefined {
    const named = relays.findLast(({ linkAddress }) => linkAddress !== '::')?.linkAddress
    if (named !== undefined) return this.#subnets.find(({ subnet }) => contains6(subnet, named))
    if (relays.length > 0) return undefined
    return this.#subnets.find(({ subnet }) => link.addresses.some((address) => contains6(subnet, address)))
  }

  #authoritative(request: InSubnet): Outcome6 {
    switch (request.received.message.type) {
      case MESSAGE.solicit:
        return this.#advertise(request)
      case MESSAGE.confirm:
        return this.#confirm(request)
      case MESSAGE.release:
        return this.#end(request, 'released')
      case MESSAGE.decline:
        return this.#end(request, 'declined')
      default:
        return this.#grant(request)
    }
  }

  #advertise(request: InSubnet): Outcome6 {
    const { facts, subnet } = request
    const address = this.#addressFor(request)
    const options = [
      ...facts.associations.map((asked, i) => granted(asked, i === 0 ? address : undefined, subnet)),
      // There is no other server (mode authoritative): nobody needs to wait for its offer (RFC 8415 §18.2.1).
      { code: OPTION.preference, value: Uint8Array.of(255) },
      ...this.#parameters(request, address)
    ]
    const event =
      address === undefined
        ? eventOf(request, 'dropped', undefined, NO_ADDRESS)
        : eventOf(request, 'offer', address, `${address} offered`)
    return { leases: [], reply: this.#reply(request, MESSAGE.advertise, options), event }
  }

  /** REQUEST, RENEW and REBIND: the machine's address, and an end to any other that it named. */
  #grant(request: InSubnet): Outcome6 {
    const { facts, subnet, identity, clientId, now } = request
    const address = this.#addressFor(request)
    const options = [
      ...facts.associations.map((asked, i) => granted(asked, i === 0 ? address : undefined, subnet)),
      ...this.#parameters(request, address)
    ]
    const reply = this.#reply(request, MESSAGE.reply, options)
    if (address === undefined) return { leases: [], reply, event: eventOf(request, 'dropped', undefined, NO_ADDRESS) }
    const before = subnet.leases.latestLease(address, now)
    const leases = subnet.leases.bind(identity, hex(clientId), address, now)
    const change = grantTo(identity, before, leases[0].expiresAt)
    const event = eventOf(request, 'ack', address, `${address} leased for ${subnet.leaseSeconds} s`, change)
    return { leases, reply, event }
  }

  #confirm(request: InSubnet): Outcome6 {
    const addresses = request.facts.associations.flatMap((asked) => asked.addresses)
    if (addresses.length === 0) return SILENCE // RFC 8415 §18.3.3: nothing to judge
    const onLink = addresses.every((address) => contains6(request.subnet.subnet, address))
    const told = onLink
      ? status(STATUS.success, 'these addresses are of this link')
      : status(STATUS.notOnLink, 'not an address of this link')
    return { ...SILENCE, reply: this.#reply(request, MESSAGE.reply, [told]) }
  }

  #end(request: InSubnet, state: 'released' | 'declined'): Outcome6 {
    const { facts, subnet, identity, now } = request
    const ended = facts.associations.map(({ iaid, addresses }) => ({
      iaid,
      leases: addresses.flatMap((address) => subnet.leases.end(identity, address, state, now) ?? [])
    }))
    const leases = ended.flatMap((one) => one.leases)
    const unknown = ended
      .filter((one) => one.leases.length === 0)
      .map(({ iaid }) => association(iaid, [], status(STATUS.noBinding, 'not an address of yours')))
    const reply = this.#reply(request, MESSAGE.reply, [...unknown, status(STATUS.success, 'done')])
    const [first] = leases
    if (!first) return { leases, reply, event: undefined }
    const change = { what: state, until: first.expiresAt, formerMac: undefined }
    const event =
      state === 'released'
        ? eventOf(request, 'release', first.address, 'given back', change)
        : eventOf(request, 'decline', first.address, `${first.address} is in use by somebody else`, change)
    return { leases, reply, event }
  }

  /** Beside another server: only boot options, and only to machines that boot. */
  #stateless(request: FromClient): Outcome6 {
    const { type } = request.received.message
    if (request.facts.stage === 'system' || (type !== MESSAGE.solicit && type !== MESSAGE.request)) return SILENCE
    const options = this.#bootOptions(request, undefined)
    if (options.length === 0) return SILENCE
    const answer = type === MESSAGE.solicit ? MESSAGE.advertise : MESSAGE.reply
    const event = eventOf(request, 'proxy-offer', undefined, 'boot options')
    return { leases: [], reply: this.#reply(request, answer, options), event }
  }

  /** A client with an address from elsewhere (RFC 8415 §18.3.6). */
  #information(request: Request): Outcome6 {
    const isSystem = request.facts.stage === 'system'
    if (isSystem && this.#config.mode === 'stateless') return SILENCE
    const options = this.#parameters(request, undefined)
    if (options.length === 0) return SILENCE
    const event = isSystem ? undefined : eventOf(request, 'ack', undefined, 'boot options')
    return { leases: [], reply: this.#reply(request, MESSAGE.reply, options), event }
  }

  #addressFor({ facts, subnet, identity, arrival, now }: InSubnet): Ipv6 | undefined {
    if (facts.associations.length === 0) return undefined
    const isOurs = (address: Ipv6) => arrival.link.addresses.includes(address)
    return subnet.leases.addressFor(identity, isOurs, now)
  }

  #parameters(request: Request, address: Ipv6 | undefined): Options6 {
    const dns = this.#subnetOf(request.received, request.arrival.link)?.dns ?? []
    const named = dns.length > 0 && request.facts.wanted.includes(OPTION.dns)
    return [...(named ? [addressList(OPTION.dns, dns)] : []), ...this.#bootOptions(request, address)]
  }

  #bootOptions({ facts, received, arrival }: Request, address: Ipv6 | undefined): Options6 {
    const server = this.#serverAddress(received, arrival.link)
    if (server === undefined || facts.stage === 'system') return []
    const { mac, arch, stage, uuid } = facts
    return bootOptions(
      this.#boot.answer({ mac, address, arch, stage, uuid }, server, undefined),
      facts,
      this.#config.mode
    )
  }

  /** Undefined when the interface has no address that a client could reach. */
  #serverAddress(received: Received6, link: Link6): Ipv6 | undefined {
    if (this.#config.serverAddress !== undefined) return this.#config.serverAddress
    const subnet = this.#subnetOf(received, link)?.subnet
    return (subnet && link.addresses.find((address) => contains6(subnet, address))) ?? link.addresses[0]
  }

  #reply({ received, facts }: Request, type: number, options: Options6): Buffer {
    const ids: Option6[] = [{ code: OPTION.serverId, value: this.#serverId }]
    if (facts.clientId) ids.unshift({ code: OPTION.clientId, value: facts.clientId })
    const { transactionId } = received.message
    const message = encodeMessage({ type, transactionId, options: [...ids, ...options] })
    return received.relays.length === 0 ? message : encodeRelayReply(received.relays, message)
  }
}

/** A machine has one address: of several wishes the first is met. What it names besides is over at once. */
function granted({ iaid, addresses }: IdentityAssociation, address: Ipv6 | undefined, subnet: Dhcp6Subnet): Option6 {
  if (address === undefined) return association(iaid, [], status(STATUS.noAddressesAvailable, 'one address a machine'))
  const others = addresses.filter((other) => other !== address)
  const grants: Grant[] = [
    { address, lifetimeSeconds: subnet.leaseSeconds },
    ...others.map((other) => ({ address: other, lifetimeSeconds: 0 }))
  ]
  return association(iaid, grants)
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function eventOf(
  { facts }: Request,
  kind: DhcpEvent['kind'],
  address: Ipv6 | undefined,
  detail: string,
  lease?: LeaseChange
): DhcpEvent {
  const { mac, stage, arch, uuid } = facts
  return { kind, mac, address, stage, arch, uuid, detail, lease }
}
