// Sending straight from the page cache (sendfile), which Node cannot do by itself.
import { loadReadCached } from '../cached-reads.ts'

export interface NativeSend {
  /**
   * Sends `length` bytes of a file from `at` on, or as many as the kernel takes now.
   * @returns how many; 0 when it takes none now, and when the file has none there.
   * @throws an Error with an errno `code`: EPIPE, ECONNRESET, EIO
   */
  file(socket: number, file: number, at: number, length: number): number
  /**
   * Sends bytes that a file's will follow, so that both may share a packet.
   * @returns how many the kernel took; 0 also when the connection is broken, which the next call will tell.
   */
  bytes(socket: number, bytes: Uint8Array, more: boolean): number
  /** Whether reading the byte at `at` has to wait for no disk. */
  isCached(file: number, at: number): boolean
}

const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_MORE = 0x8000

/** Undefined where native code cannot be loaded, or on another system than 64-bit Linux. */
export async function loadNativeSend(): Promise<NativeSend | undefined> {
  const readCached = await loadReadCached()
  if (!readCached) return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const sendfile = libc.func('int64 sendfile(int, int, void *, size_t)')
    const send = libc.func('int64 send(int, const uint8_t *, size_t, int)')
    const { EAGAIN } = koffi.os.errno
    const offset = new BigInt64Array(1)
    const byte = Buffer.from(new ArrayBuffer(1))
    const failure = (): Error => {
      const errno = koffi.errno()
      const code = Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
      return Object.assign(new Error(`sendfile: ${code}`), { code })
    }
    return {
      file(socket, file, at, length) {
        offset[0] = BigInt(at)
        const sent = Number(sendfile(socket, file, offset, length))
        if (sent >= 0) return sent
        if (koffi.errno() === EAGAIN) return 0
        throw failure()
      },
      bytes(socket, bytes, more) {
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0)
        return Math.max(0, Number(send(socket, bytes, bytes.length, flags)))
      },
      isCached: (file, at) => readCached(file, byte, at) === 1
    }
  } catch {
    return undefined // koffi has no binary for this machine: bytes go the ordinary way
  }
}
