// Large files, read without litter: a new buffer for each piece would wait for the collector by the hundred megabytes.
import { open } from 'node:fs/promises'

const PIECE_BYTES = 256 * 1024

/** A file from its beginning, in pieces that stand only until the next one is asked for. */
export async function* readPieces(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES)
  await using file = await open(path, 'r')
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, buffer.length)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}
