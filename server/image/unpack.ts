// A root as tar, tar.gz or tar.zst becomes a squashfs. What it is is told by its first bytes, never by its name.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { MksquashfsOptions, mksquashfs, Superblock } from 'squashfs-tools-ts'
import { PublishError } from './errors.ts'
import { readPieces } from './read.ts'
import { MalformedTar, TarScanner, type TarSummary } from './tar.ts'

/** Pieces for mksquashfs: the collector comes after so many of them, not after so many bytes, so small ones keep memory low. */
const FED_BYTES = 16 * 1024

export type RootFormat = 'tar' | 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'squashfs' | 'zip'

const MAGICS: readonly (readonly [RootFormat, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['squashfs', [0x68, 0x73, 0x71, 0x73]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]]
]

/** Pure: what the first bytes of a root say; everything without a magic is taken for a tar, and its headers are checked. */
export function rootFormat(head: Uint8Array): RootFormat {
  return MAGICS.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0] ?? 'tar'
}

/** How a root is packed. */
export type RootPacking = Pick<
  MksquashfsOptions,
  'compression' | 'level' | 'blockSizeBytes' | 'processors' | 'memoryMegabytes'
>

export interface UnpackOptions {
  readonly upload: string
  readonly destination: string
  readonly mksquashfs: typeof mksquashfs
  readonly packing: RootPacking
  readonly signal: AbortSignal
  readonly onProgress?: MksquashfsOptions['onProgress']
}

/**
 * Reads the upload twice: once for its headers, once for mksquashfs. So nothing is packed of a tar that isn't whole, and
 * the newest time in it is known beforehand, which makes one tar into one squashfs.
 * @throws {PublishError} NOT_A_TAR, TOOL_MISSING @throws {ToolMissing} @throws {ToolFailed} the signal's reason
 */
export async function tarToSquashfs(options: UnpackOptions): Promise<Superblock> {
  const { upload, destination, mksquashfs, packing, signal, onProgress } = options
  const format = rootFormat(await head(upload))
  const headers = format === 'tar' ? readPieces(upload, signal) : decompressed(upload, format, signal)
  const { newestMtime } = await scan(headers, signal)
  return await mksquashfs({
    ...packing,
    source: decompressed(upload, format, signal),
    destination,
    sourceDateEpoch: newestMtime,
    signal,
    onProgress
  })
}

async function scan(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<TarSummary> {
  const scanner = new TarScanner()
  try {
    await pipeline(
      tar,
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) scanner.push(chunk)
      },
      { signal }
    )
    return scanner.end()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof MalformedTar) throw new PublishError('NOT_A_TAR', `root: ${error.message}`, { cause: error })
    if (isDamagedGzip(error))
      throw new PublishError('NOT_A_TAR', 'root: the gzip is damaged or cut off', { cause: error })
    throw error
  }
}

function decompressed(path: string, format: RootFormat, signal: AbortSignal): Readable {
  switch (format) {
    case 'tar':
      return createReadStream(path, { highWaterMark: FED_BYTES })
    case 'gzip': {
      const gunzip = createGunzip()
      // A failure on either side reaches whoever reads the other end.
      pipeline(createReadStream(path), gunzip, { signal }).catch(() => {})
      return gunzip
    }
    case 'zstd':
      return Readable.from(zstdcat(path, signal), { objectMode: false })
    case 'squashfs':
      throw new PublishError('NOT_A_TAR', 'root: this is a squashfs; send it as a layer')
    default:
      throw new PublishError('NOT_A_TAR', `root: ${format} is not taken; send a tar, tar.gz or tar.zst`)
  }
}

/** The program, not node:zlib, which takes the second frame of a file for rubbish behind the first. */
async function* zstdcat(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  const child = spawn('zstd', ['--decompress', '--stdout', '--quiet', '--', path], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2048)
  })
  const closed = once(child, 'close')
  closed.catch(() => {}) // a program that isn't there is told by the await below, unless the reader left before
  try {
    yield* child.stdout
    const [exitCode] = await closed.catch(() => {
      throw new PublishError('TOOL_MISSING', 'zstd is not installed (Debian package zstd)')
    })
    signal.throwIfAborted()
    if (exitCode !== 0) throw new PublishError('NOT_A_TAR', `root: the zstd is damaged or cut off (${words.trim()})`)
  } finally {
    kill()
    signal.removeEventListener('abort', kill)
  }
}

async function head(path: string): Promise<Buffer> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
  return buffer.subarray(0, bytesRead)
}

function isDamagedGzip(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
}
