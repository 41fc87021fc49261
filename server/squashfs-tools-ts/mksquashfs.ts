// mksquashfs: a directory or a tar stream becomes a squashfs.
import { rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { type Progress, progressReader } from './progress.ts'
import { run } from './run.ts'
import { type Compression, readSuperblock, type Superblock } from './superblock.ts'

export interface MksquashfsOptions {
  /** A directory, or the bytes of an uncompressed tar. */
  readonly source: string | Readable
  /** Written over when it exists, removed when anything fails. */
  readonly destination: string
  readonly compression?: Compression | undefined
  /** gzip 1–9, lzo 1–9, zstd 1–22, lz4 `hc`; xz and lzma have none. */
  readonly level?: number | 'hc' | undefined
  /** A power of two from 4 KiB to 1 MiB; 128 KiB unless told. */
  readonly blockSizeBytes?: number | undefined
  /** The superblock's time, in seconds since 1970. */
  readonly mkfsTime?: number | undefined
  /** Every file's time, in seconds since 1970. */
  readonly allTime?: number | undefined
  /**
   * SOURCE_DATE_EPOCH: the superblock's time, and the latest that any file may have. Instead of mkfsTime and allTime.
   * squashfs-tools 4.5 gives the root of a tar stream today's time whatever -root-time says, so that only this (or
   * allTime) makes one tar into one image.
   */
  readonly sourceDateEpoch?: number | undefined
  readonly processors?: number | undefined
  /** Unless told, mksquashfs takes a quarter of the machine. */
  readonly memoryMegabytes?: number | undefined
  /** Shell patterns from the source's root, as in `var/cache/*`; of a directory only. */
  readonly excludes?: readonly string[] | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

const LEVELS: Readonly<Record<Compression, number>> = { gzip: 9, lzma: 0, lzo: 9, xz: 0, lz4: 0, zstd: 22 }

/**
 * The superblock of what was made.
 * @throws {TypeError} options that don't go together
 * @throws {ToolMissing} @throws {ToolFailed} the signal's reason when aborted; a broken tar stream's own error
 */
export async function mksquashfs(options: MksquashfsOptions): Promise<Superblock> {
  const args = mksquashfsArguments(options)
  const { source, destination, onProgress, signal, sourceDateEpoch } = options
  try {
    await run({
      tool: 'mksquashfs',
      args,
      input: typeof source === 'string' ? undefined : source,
      env: sourceDateEpoch === undefined ? undefined : { SOURCE_DATE_EPOCH: String(sourceDateEpoch) },
      onStdout: onProgress && progressReader(onProgress),
      signal
    })
    return await readSuperblock(destination)
  } catch (error) {
    await rm(destination, { force: true })
    throw error
  }
}

/** Pure: the command line for these options. */
export function mksquashfsArguments(options: MksquashfsOptions): string[] {
  const { source, destination, compression = 'zstd', excludes = [] } = options
  const isTar = typeof source !== 'string'
  if (isTar && excludes.length > 0) throw new TypeError('excludes work on a directory, not on a tar stream')
  const clamped = options.sourceDateEpoch !== undefined
  if (clamped && (options.mkfsTime ?? options.allTime) !== undefined) {
    throw new TypeError('sourceDateEpoch stands instead of mkfsTime and allTime')
  }
  return [
    isTar ? '-' : asPath(source),
    asPath(destination),
    // The root directory of a tar would otherwise be writable by everybody.
    ...(isTar ? ['-tar', '-root-mode', '0755', '-root-uid', '0', '-root-gid', '0'] : []),
    ...['-noappend', '-quiet', '-no-recovery', '-comp', compression],
    ...levelArguments(compression, options.level),
    ...numeric('-b', options.blockSizeBytes),
    ...numeric('-mkfs-time', options.mkfsTime),
    ...numeric('-all-time', options.allTime),
    ...numeric('-processors', options.processors),
    ...(options.memoryMegabytes === undefined ? [] : ['-mem', `${options.memoryMegabytes}M`]),
    // -e takes the rest of the line, so it stands last.
    ...(excludes.length > 0 ? ['-wildcards', '-e', ...excludes] : [])
  ]
}

function levelArguments(compression: Compression, level: number | 'hc' | undefined): string[] {
  if (level === undefined) return []
  if (level === 'hc') {
    if (compression !== 'lz4') throw new TypeError(`${compression} has no level hc`)
    return ['-Xhc']
  }
  const highest = LEVELS[compression]
  if (!Number.isInteger(level) || level < 1 || level > highest) {
    throw new TypeError(highest === 0 ? `${compression} has no levels` : `${compression} has levels 1 to ${highest}`)
  }
  return ['-Xcompression-level', String(level)]
}

function numeric(option: string, value: number | undefined): string[] {
  return value === undefined ? [] : [option, String(value)]
}

/** A path that can't be taken for an option. */
function asPath(path: string): string {
  return path.startsWith('-') ? `./${path}` : path
}
