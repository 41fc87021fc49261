// One IPv6 router advertisement that says nothing, to one neighbour.
//
// iPXE configures IPv4 and IPv6 side by side and boots when both have ended. Where no router answers its solicitations, as in
// most rooms, IPv6 ends only by running out of retries: 15.75 s of every boot (iPXE src/net/ndp.c, ipv6conf_expired; its
// timer doubles from 0.25 s). An advertisement with a lifetime of 0, no prefix and no flag ends it at once: it makes nobody a
// router and gives nobody an address (RFC 4861 §4.2).
import { networkInterfaces } from 'node:os'
import { type Mac } from './mac.ts'

export interface RouterAdvertiser {
  /** Tells this neighbour that there is nothing to wait for. Whether it was sent. */
  dismiss(device: string, mac: Mac): boolean
  close(): void
}

const AF_INET6 = 10
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const IPPROTO_ICMPV6 = 58
const IPPROTO_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const MSG_DONTWAIT = 0x40
/** RFC 4861 §6.1.2: whatever came through a router is no advertisement. */
const HOPS = 255
/** Type 134; the checksum is the kernel's work. */
const ADVERTISEMENT = Buffer.from('86000000000000000000000000000000', 'hex')

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
    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops, hops.length)
    return {
      dismiss(device, mac) {
        const to = neighbour(device, mac)
        return to !== undefined && sendto(fd, ADVERTISEMENT, ADVERTISEMENT.length, MSG_DONTWAIT, to, to.length) > 0
      },
      close: () => void close(fd)
    }
  } catch {
    return undefined // koffi has no binary for this machine
  }
}

/** struct sockaddr_in6 of the link-local address that this MAC has on this card; undefined where there is no IPv6. */
function neighbour(device: string, mac: Mac): Uint8Array | undefined {
  const scope = networkInterfaces()[device]?.find((own) => own.family === 'IPv6' && own.scopeid !== 0)?.scopeid
  if (scope === undefined) return undefined
  const name = Buffer.alloc(28)
  new Uint16Array(name.buffer, name.byteOffset, 1)[0] = AF_INET6
  linkLocal(mac).copy(name, 8)
  new Uint32Array(name.buffer, name.byteOffset + 24, 1)[0] = scope
  return name
}

/** `fe80::` and the modified EUI-64 of a MAC (RFC 4291 §2.5.6, appendix A): the address that iPXE gives itself. */
export function linkLocal(mac: Mac): Buffer {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex')
  const address = Buffer.from('fe80000000000000000000fffe000000', 'hex')
  bytes.copy(address, 8, 0, 3)
  bytes.copy(address, 13, 3, 6)
  address[8] = (address[8] ?? 0) ^ 0x02
  return address
}
