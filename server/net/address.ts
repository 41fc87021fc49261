// An address of either family: IPv4 as its number, IPv6 as its text. Each is equal to itself, and a key of a map.
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts'
import { type Ipv6, parseIpv6 } from './ipv6.ts'

export type Address = Ipv4 | Ipv6

/** As sockets write it: `::ffff:10.0.0.1` is IPv4, and a zone (`%eth0`) is dropped. Undefined when it is no address. */
export function parseAddress(text: string): Address | undefined {
  return parseIpv4(text.replace(/^::ffff:/i, '')) ?? parseIpv6(text)
}

export function formatAddress(address: Address): string {
  return typeof address === 'number' ? formatIpv4(address) : address
}

/** As a URL names it (RFC 3986 §3.2.2): IPv6 in brackets. */
export function urlHost(address: Address): string {
  return typeof address === 'number' ? formatIpv4(address) : `[${address}]`
}
