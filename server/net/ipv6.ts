// IPv6 addresses are their canonical text (RFC 5952) inside, so that equal ones are equal strings and keys of maps.
import ipaddr from 'ipaddr.js'
import type { Mac } from './mac.ts'

export type Ipv6 = string

export interface Prefix6 {
  readonly network: Ipv6
  /** Prefix length, 0 to 128. */
  readonly prefix: number
}

/** Undefined unless `text` is an IPv6 address. A zone (`%eth0`) is dropped: it says nothing outside of one machine. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const [address = ''] = text.split('%', 1)
  return ipaddr.IPv6.isValid(address) ? ipaddr.IPv6.parse(address).toRFC5952String() : undefined
}

/** Sixteen bytes. */
export function ipv6FromBytes(bytes: Uint8Array): Ipv6 {
  return new ipaddr.IPv6([...bytes]).toRFC5952String()
}

export function ipv6Bytes(address: Ipv6): Buffer {
  return Buffer.from(ipaddr.IPv6.parse(address).toByteArray())
}

/** `fd00:77::/64`; undefined when malformed or when host bits are set. */
export function parsePrefix6(text: string): Prefix6 | undefined {
  const [address = '', length = '', ...rest] = text.split('/')
  const network = parseIpv6(address)
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : 129
  if (network === undefined || address.includes('%') || prefix > 128 || rest.length > 0) return undefined
  return ipv6FromBytes(masked(network, prefix)) === network ? { network, prefix } : undefined
}

export function formatPrefix6({ network, prefix }: Prefix6): string {
  return `${network}/${prefix}`
}

export function contains6({ network, prefix }: Prefix6, address: Ipv6): boolean {
  return masked(address, prefix).equals(ipv6Bytes(network))
}

export function isLinkLocal(address: Ipv6): boolean {
  return /^fe[89ab]/.test(address)
}

/** `fe80::` and the modified EUI-64 of a MAC (RFC 4291 §2.5.6, appendix A): the address that boot firmware gives itself. */
export function linkLocal(mac: Mac): Ipv6 {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex')
  const address = Buffer.from('fe80000000000000000000fffe000000', 'hex')
  bytes.copy(address, 8, 0, 3)
  bytes.copy(address, 13, 3, 6)
  address.writeUInt8(address.readUInt8(8) ^ 0x02, 8)
  return ipv6FromBytes(address)
}

/** The MAC in an address whose interface identifier is a modified EUI-64; undefined where it is anything else. */
export function macOfEui64(address: Ipv6): Mac | undefined {
  const id = ipv6Bytes(address).subarray(8)
  // Bit 1 of a MAC made by hand is set and so clear here: either way only `fffe` in the middle tells.
  if (id.readUInt16BE(3) !== 0xfffe) return undefined
  const mac = Buffer.concat([id.subarray(0, 3), id.subarray(5)])
  mac.writeUInt8(mac.readUInt8(0) ^ 0x02, 0)
  return mac.toString('hex').replace(/..(?!$)/g, '$&:')
}

function masked(address: Ipv6, prefix: number): Buffer {
  return Buffer.from(
    ipv6Bytes(address).map((byte, i) => {
      const bits = Math.min(Math.max(prefix - 8 * i, 0), 8)
      return byte & (0xff00 >> bits)
    })
  )
}
