// Reading what is in memory anyway, at once: to have a thread of libuv's read it, which may wait for disks, takes longer than that.

/**
 * Reads from `at` on into a buffer whose memory stays where it is.
 * @returns how many bytes were in memory, up to the first that is not; 0 also where the file system can't tell.
 */
export type ReadCached = (file: number, into: Buffer<ArrayBuffer>, at: number) => number

const RWF_NOWAIT = 8

/** Undefined where native code cannot be loaded, or on another system than 64-bit Linux. */
export async function loadReadCached(): Promise<ReadCached | undefined> {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return undefined
  try {
    const { default: koffi } = await import('koffi')
    const preadv2 = koffi.load(null).func('int64 preadv2(int, const void *, int, int64, int)')
    const vector = new BigUint64Array(2)
    return (file, into, at) => {
      vector[0] = BigInt(koffi.address(into.buffer)) + BigInt(into.byteOffset)
      vector[1] = BigInt(into.length)
      return Math.max(0, Number(preadv2(file, vector, 1, at, RWF_NOWAIT)))
    }
  } catch {
    return undefined // koffi has no binary for this machine
  }
}
