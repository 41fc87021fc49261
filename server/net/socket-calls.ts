// The system calls on UDP sockets that Node doesn't offer, through koffi.
import { endianness } from 'node:os'
import { SOCKADDR_BYTES } from './message-array.ts'
import type { Peer } from './udp.ts'

export interface SocketCalls {
  /** An open, bound descriptor for `dgram.bind({ fd })`, which closes it. Throws an Error with an errno `code`. */
  openUdp(options: { readonly address: string; readonly port: number; readonly bufferBytes: number }): number
  /** How many messages of the array have been sent, or -1 and an errno. Never waits. */
  sendMessages(fd: number, arrayAt: number, count: number): number
  receiveMessages(fd: number, arrayAt: number, count: number): number
  /** Of the call before it that failed: `EAGAIN`. */
  failure(): string
  addressOf(memory: ArrayBuffer): number
  /** `struct sockaddr_in` or `sockaddr_in6`. */
  toSockaddr(peer: Peer): Buffer<ArrayBuffer>
  fromSockaddr(bytes: Buffer, at: number): Peer
}

export const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const MSG_DONTWAIT = 0x40
const TEXT_BYTES = 64

/** Undefined where native code cannot be loaded, or where the kernel's structures lie otherwise than we write them. */
export async function loadSocketCalls(): Promise<SocketCalls | undefined> {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch) || endianness() !== 'LE')
    return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const socket = libc.func('int socket(int, int, int)')
    const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)')
    const bind = libc.func('int bind(int, const uint8_t *, uint32_t)')
    const close = libc.func('int close(int)')
    // Arrays go as plain numbers: their memory is ours and stays where it is.
    const sendmmsg = libc.func('int sendmmsg(int, uintptr_t, uint32_t, int)')
    const recvmmsg = libc.func('int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)')
    const ntop = libc.func('const char *inet_ntop(int, const uint8_t *, uint8_t *, uint32_t)')
    const pton = libc.func('int inet_pton(int, const char *, _Out_ uint8_t *)')
    const nameToIndex = libc.func('uint32_t if_nametoindex(const char *)')
    const indexToName = libc.func('const char *if_indextoname(uint32_t, uint8_t *)')
    // EWOULDBLOCK is the same number as EAGAIN.
    const codes = new Map(Object.entries({ ...koffi.os.errno, EWOULDBLOCK: 0 }).map(([code, errno]) => [errno, code]))
    const failure = () => codes.get(koffi.errno()) ?? `errno ${koffi.errno()}`
    const set = (fd: number, option: number, value: number): boolean => {
      const bytes = new Uint8Array(Int32Array.of(value).buffer)
      return setsockopt(fd, SOL_SOCKET, option, bytes, bytes.length) === 0
    }
    const scratch = Buffer.alloc(TEXT_BYTES)

    const calls: SocketCalls = {
      openUdp({ address, port, bufferBytes }) {
        const name = calls.toSockaddr({ address, port })
        const fd: number = socket(name.readUInt16LE(0), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        if (fd < 0) throw errorOf('socket', failure())
        // As root past the system's limit, else as far as it goes.
        if (!set(fd, SO_RCVBUFFORCE, bufferBytes)) set(fd, SO_RCVBUF, bufferBytes)
        if (!set(fd, SO_SNDBUFFORCE, bufferBytes)) set(fd, SO_SNDBUF, bufferBytes)
        if (bind(fd, name, name.length) === 0) return fd
        const error = errorOf(`bind ${address}:${port}`, failure())
        close(fd)
        throw error
      },
      sendMessages: (fd, arrayAt, count) => sendmmsg(fd, arrayAt, count, MSG_DONTWAIT),
      receiveMessages: (fd, arrayAt, count) => recvmmsg(fd, arrayAt, count, MSG_DONTWAIT, 0),
      failure,
      addressOf: (memory) => Number(koffi.address(memory)),
      toSockaddr({ address, port }) {
        const [literal = '', zone] = address.split('%')
        const isIpv6 = literal.includes(':')
        const name = Buffer.from(new ArrayBuffer(isIpv6 ? SOCKADDR_BYTES : 16))
        name.writeUInt16LE(isIpv6 ? AF_INET6 : AF_INET, 0)
        name.writeUInt16BE(port, 2)
        if (pton(isIpv6 ? AF_INET6 : AF_INET, literal, name.subarray(isIpv6 ? 8 : 4)) !== 1) {
          throw errorOf(address, 'EADDRNOTAVAIL')
        }
        if (zone !== undefined) name.writeUInt32LE(nameToIndex(zone), 24)
        return name
      },
      fromSockaddr(bytes, at) {
        const family = bytes.readUInt16LE(at)
        const own = bytes.subarray(at + (family === AF_INET6 ? 8 : 4))
        const literal: string = ntop(family, own, scratch, scratch.length)
        const scope = family === AF_INET6 ? bytes.readUInt32LE(at + 24) : 0
        const address = scope === 0 ? literal : `${literal}%${indexToName(scope, scratch)}`
        return { address, port: bytes.readUInt16BE(at + 2) }
      }
    }
    return calls
  } catch {
    return undefined // koffi has no binary for this machine
  }
}

function errorOf(what: string, code: string): Error {
  return Object.assign(new Error(`${what}: ${code}`), { code })
}
