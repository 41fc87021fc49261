// Which subnet a client is in, and what we call ourselves there.
import { contains, type Ipv4 } from '../net/ipv4.ts'
import type { Facts } from './facts.ts'
import { readIpv4 } from './options.ts'
import type { DhcpPacket } from './packet.ts'
import { OPTION } from './registry.ts'
import type { DhcpSubnet } from './settings.ts'

/** The interface that a packet came in by. */
export interface Link {
  readonly name: string
  /** Its own IPv4 addresses, the primary one first. */
  readonly addresses: readonly Ipv4[]
}

/**
 * The relay's word on the link (RFC 3527), the client's on the subnet (RFC 3011), the relay's address, the client's
 * own, and last the receiving interface. The first of them that is there decides, even if we do not serve what it says.
 */
export function chooseSubnet<T extends Pick<DhcpSubnet, 'subnet'>>(
  subnets: readonly T[],
  packet: DhcpPacket,
  facts: Facts,
  link: Link
): T | undefined {
  const named =
    facts.linkSelection ??
    readIpv4(packet.options, OPTION.subnetSelection) ??
    (packet.giaddr || undefined) ??
    (packet.ciaddr || undefined)
  if (named !== undefined) return subnets.find(({ subnet }) => contains(subnet, named))
  return subnets.find(({ subnet }) => link.addresses.some((address) => contains(subnet, address)))
}

/** Undefined when the interface has no address to answer from. */
export function serverAddress(subnet: DhcpSubnet | undefined, link: Link): Ipv4 | undefined {
  if (subnet?.serverAddress !== undefined) return subnet.serverAddress
  const inside = subnet && link.addresses.find((address) => contains(subnet.subnet, address))
  return inside ?? link.addresses[0]
}
