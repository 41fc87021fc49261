// Netascii (RFC 764 as RFC 1350 uses it): LF travels as CR LF, a bare CR as CR NUL. Pure.
import type { ByteSource } from './blocks.ts'

const NUL = 0
const LF = 10
const CR = 13

/** How long `bytes` become on the wire. */
export function netasciiLength(bytes: Uint8Array): number {
  let length = bytes.length
  for (const byte of bytes) if (byte === LF || byte === CR) length++
  return length
}

/** Byte by byte without memory, so a long text can be converted in pieces. */
export function toNetascii(bytes: Uint8Array): Buffer {
  const wire = Buffer.allocUnsafe(netasciiLength(bytes))
  let at = 0
  for (const byte of bytes) {
    if (byte === LF) wire[at++] = CR
    wire[at++] = byte
    if (byte === CR) wire[at++] = NUL
  }
  return wire
}

const PIECE_BYTES = 32 * 1024

/** A source as it looks in netascii. It is read through once to learn its length; then any position can be asked for. */
export class NetasciiSource implements ByteSource {
  readonly sizeBytes: number
  readonly #source: ByteSource
  /** Where each piece of the source begins in the converted text. */
  readonly #starts: readonly number[]

  static async over(source: ByteSource): Promise<NetasciiSource> {
    const starts: number[] = []
    let length = 0
    for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
      starts.push(length)
      length += netasciiLength(await readPiece(source, at))
    }
    return new NetasciiSource(source, starts, length)
  }

  private constructor(source: ByteSource, starts: readonly number[], sizeBytes: number) {
    this.#source = source
    this.#starts = starts
    this.sizeBytes = sizeBytes
  }

  async read(into: Buffer, position: number): Promise<void> {
    let piece = this.#starts.findLastIndex((start) => start <= position)
    for (let filled = 0; filled < into.length; piece++) {
      const start = this.#starts[piece]
      if (start === undefined) throw new RangeError('read past the end of a netascii text')
      const text = toNetascii(await readPiece(this.#source, piece * PIECE_BYTES))
      filled += text.copy(into, filled, position + filled - start)
    }
  }
}

async function readPiece(source: ByteSource, position: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, source.sizeBytes - position))
  await source.read(piece, position)
  return piece
}
