// Router advertisements (RFC 4861 §4.2) of a machine that is no router: each has a lifetime of 0.
//
// iPXE configures IPv4 and IPv6 side by side and boots when both have ended. Where no router answers its solicitations, as in
// most rooms, IPv6 ends only by running out of retries: 15.75 s of every boot (iPXE src/net/ndp.c, ipv6conf_expired; its
// timer doubles from 0.25 s). An advertisement with no prefix and no flag ends it at once. Where our own DHCPv6 gives the
// addresses, one with the network's prefix says so: DHCPv6 itself can't tell which addresses are neighbours.
import { networkInterfaces } from 'node:os'
import { type Ipv6, ipv6Bytes, linkLocal, type Prefix6 } from './ipv6.ts'
import type { Mac } from './mac.ts'

/** What all on a link are told. */
export interface OnLink {
  /** Its addresses are neighbours, and nobody makes up one of them for himself. */
  readonly prefix: Prefix6
  /** How long that holds. */
  readonly lifetimeSeconds: number
}

export interface RouterAdvertiser {
  /** Tells this neighbour that there is nothing to wait for. Whether it was sent. */
  dismiss(device: string, mac: Mac): boolean
  /** Tells everybody on the link that addresses come by DHCPv6. Whether it was sent. */
  announce(device: string, link: OnLink): boolean
  close(): void
}

const AF_INET6 = 10
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const IPPROTO_ICMPV6 = 58
const IPPROTO_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const IPV6_MULTICAST_HOPS = 18
const MSG_DONTWAIT = 0x40
/** RFC 4861 §6.1.2: whatever came through a router is no advertisement. */
const HOPS = 255
const ALL_NODES: Ipv6 = 'ff02::1'

const ADVERTISEMENT = 134
const MANAGED_AND_OTHER = 0xc0
const PREFIX_INFORMATION = 3
const ON_LINK = 0x80

/** Without `link` it says nothing at all. The checksum is the kernel's work. */
export function advertisement(link?: OnLink): Buffer {
  const bytes = Buffer.alloc(link ? 48 : 16)
  bytes.writeUInt8(ADVERTISEMENT, 0)
  if (!link) return bytes
  bytes.writeUInt8(MANAGED_AND_OTHER, 5)
  bytes.set([PREFIX_INFORMATION, 4, link.prefix.prefix, ON_LINK], 16) // 4 times 8 bytes long
  bytes.writeUInt32BE(link.lifetimeSeconds, 20)
  bytes.writeUInt32BE(link.lifetimeSeconds, 24)
  ipv6Bytes(link.prefix.network).copy(bytes, 32)
  return bytes
}

/** Undefined without native code, or without CAP_NET_RAW: then iPXE waits. */
export async function loadRouterAdvertiser(): Promise<RouterAdvertiser | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const socket = libc.func('int socket(int, int, int)')
    const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)')
    const sendto = libc.func('intptr_t sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)')
    const close = libc.func('int close(int)')
    const fd: number = socket(AF_INET6, SOCK_RAW_CLOEXEC, IPPROTO_ICMPV6)
    if (fd < 0) return undefined
    const hops = new Uint8Array(Int32Array.of(HOPS).buffer)
    for (const option of [IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS]) {
      setsockopt(fd, IPPROTO_IPV6, option, hops, hops.length)
    }
    const send = (device: string, address: Ipv6, bytes: Buffer): boolean => {
      const to = neighbour(device, address)
      return to !== undefined && sendto(fd, bytes, bytes.length, MSG_DONTWAIT, to, to.length) > 0
    }
    return {
      dismiss: (device, mac) => send(device, linkLocal(mac), advertisement()),
      announce: (device, link) => send(device, ALL_NODES, advertisement(link)),
      close: () => void close(fd)
    }
  } catch {
    return undefined // koffi has no binary for this machine
  }
}

/** struct sockaddr_in6 of an address on the link of this card; undefined where there is no IPv6. */
function neighbour(device: string, address: Ipv6): Uint8Array | undefined {
  const scope = networkInterfaces()[device]?.find((own) => own.family === 'IPv6' && own.scopeid !== 0)?.scopeid
  if (scope === undefined) return undefined
  const name = Buffer.alloc(28)
  new Uint16Array(name.buffer, name.byteOffset, 1)[0] = AF_INET6
  ipv6Bytes(address).copy(name, 8)
  new Uint32Array(name.buffer, name.byteOffset + 24, 1)[0] = scope
  return name
}
