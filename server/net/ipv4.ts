// IPv4 addresses are uint32 inside, dotted quads at the edges.
import ipaddr from 'ipaddr.js'

export type Ipv4 = number

export interface Subnet {
  readonly network: Ipv4
  /** Prefix length, 0 to 32. */
  readonly prefix: number
}

/** Undefined unless `text` is four decimal numbers with dots. */
export function parseIpv4(text: string): Ipv4 | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(text).octets
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** `10.0.0.0/24`; undefined when malformed or when host bits are set. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length = '', ...rest] = text.split('/')
  const network = parseIpv4(address)
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : 33
  if (network === undefined || prefix > 32 || rest.length > 0) return undefined
  return (network & netmask(prefix)) >>> 0 === network ? { network, prefix } : undefined
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.network)}/${subnet.prefix}`
}

export function netmask(prefix: number): Ipv4 {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
}

export function contains(subnet: Subnet, address: Ipv4): boolean {
  return (address & netmask(subnet.prefix)) >>> 0 === subnet.network
}

export function broadcastAddress(subnet: Subnet): Ipv4 {
  return (subnet.network | ~netmask(subnet.prefix)) >>> 0
}
