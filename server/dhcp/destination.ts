// Where a reply goes (RFC 2131 §4.1), decided from values alone; the socket only performs it.
import type { Ipv4 } from '../net/ipv4.ts'
import type { Facts } from './facts.ts'
import type { DhcpPacket } from './packet.ts'
import { RELAY_AGENT } from './registry.ts'

export const SERVER_PORT = 67
export const CLIENT_PORT = 68
export const BOOT_SERVER_PORT = 4011
const LIMITED_BROADCAST: Ipv4 = 0xffffffff

export interface Endpoint {
  readonly address: Ipv4
  readonly port: number
}

/**
 * A client without an address is always told by broadcast: whoever can take a unicast to it takes that as well, and
 * it must be the limited one, for OVMF hears no subnet broadcast before it has an address.
 */
export function destinationOf(
  request: DhcpPacket,
  facts: Facts,
  reply: 'offer' | 'ack' | 'nak',
  source: Endpoint
): Endpoint {
  if (request.giaddr !== 0) {
    // RFC 8357: a relay agent that says so is answered at the port it sent from.
    const port = facts.relayAgent?.has(RELAY_AGENT.sourcePort) ? source.port : SERVER_PORT
    return { address: request.giaddr, port }
  }
  if (reply !== 'nak' && request.ciaddr !== 0) return { address: request.ciaddr, port: CLIENT_PORT }
  return { address: LIMITED_BROADCAST, port: CLIENT_PORT }
}

/** INFORM (RFC 2131 §4.3.5): to ciaddr; clients that forget it are answered where they sent from. */
export function informDestination(request: DhcpPacket, facts: Facts, source: Endpoint): Endpoint {
  if (request.giaddr === 0 && request.ciaddr === 0 && source.address !== 0) {
    return { address: source.address, port: CLIENT_PORT }
  }
  return destinationOf(request, facts, 'ack', source)
}
