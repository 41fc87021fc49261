// UDP sockets that belong to one network card (SO_BINDTODEVICE), which Node cannot make by itself.
import type { Clock } from '../clock.ts'
import { Datagrams } from './datagrams.ts'
import type { Ipv4 } from './ipv4.ts'
import { loadSocketCalls } from './socket-calls.ts'

/** An open, bound descriptor for `dgram.bind({ fd })`; whoever gets it closes it, through its dgram socket. */
export interface DeviceSockets {
  /** Throws an Error with an errno `code`: EADDRINUSE, EACCES, EPERM, ENODEV. */
  open(options: DeviceSocketOptions): number
  /** Undefined where the kernel's structures lie otherwise than we know. */
  readonly datagrams: Datagrams | undefined
}

export interface DeviceSocketOptions {
  readonly device: string
  /** 0 is every address. */
  readonly address: Ipv4
  readonly port: number
  readonly receiveBufferBytes: number
}

const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_BROADCAST = 6
const SO_RCVBUF = 8
const SO_BINDTODEVICE = 25
const SO_RCVBUFFORCE = 33

/** Undefined where native code cannot be loaded, or on another system than Linux. */
export async function loadDeviceSockets(clock: Clock): Promise<DeviceSockets | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const socket = libc.func('int socket(int, int, int)')
    const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)')
    const bind = libc.func('int bind(int, const uint8_t *, uint32_t)')
    const close = libc.func('int close(int)')
    const failure = (what: string): Error => {
      const errno = koffi.errno()
      const code = Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
      return Object.assign(new Error(`${what}: ${code}`), { code })
    }
    const set = (fd: number, option: number, value: Uint8Array): boolean =>
      setsockopt(fd, SOL_SOCKET, option, value, value.length) === 0

    const calls = await loadSocketCalls()
    return {
      datagrams: calls && new Datagrams(calls, clock),
      open({ device, address, port, receiveBufferBytes }) {
        const fd: number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
        if (fd < 0) throw failure('socket')
        try {
          if (!set(fd, SO_REUSEADDR, int(1)) || !set(fd, SO_BROADCAST, int(1))) throw failure('setsockopt')
          if (!set(fd, SO_BINDTODEVICE, Buffer.from(`${device}\0`))) throw failure(`SO_BINDTODEVICE ${device}`)
          // A classroom asks in one second: as root past the system's limit, else as far as it goes.
          const size = int(receiveBufferBytes)
          if (!set(fd, SO_RCVBUFFORCE, size)) set(fd, SO_RCVBUF, size)
          const name = socketAddress(address, port)
          if (bind(fd, name, name.length) !== 0) throw failure(`bind port ${port} on ${device}`)
        } catch (error) {
          close(fd)
          throw error
        }
        return fd
      }
    }
  } catch {
    return undefined // koffi has no binary for this machine: the caller knows another way
  }
}

/** A C int, in the machine's own byte order. */
function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

/** struct sockaddr_in */
function socketAddress(address: Ipv4, port: number): Uint8Array {
  const name = Buffer.alloc(16)
  new Uint16Array(name.buffer, name.byteOffset, 1)[0] = AF_INET
  name.writeUInt16BE(port, 2)
  name.writeUInt32BE(address, 4)
  return name
}
