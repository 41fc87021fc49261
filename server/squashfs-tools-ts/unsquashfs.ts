// unsquashfs: what is in a squashfs, without mounting it.
import { type Progress, progressReader } from './progress.ts'
import { run } from './run.ts'

export type EntryKind = 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo' | 'socket'

export interface Entry {
  readonly kind: EntryKind
  /** From the root, without leading slash; the root itself is the empty string. */
  readonly path: string
  /** As in `ls -l`, without the letter of the kind: `rwxr-xr-x`. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** 0 for devices. */
  readonly sizeBytes: number
  /** Of devices: major and minor. `0, 0` of a character device is an overlayfs whiteout. */
  readonly device: readonly [number, number] | undefined
  /** Of symlinks. */
  readonly target: string | undefined
}

export interface UnsquashfsOptions {
  /** Only these, and what is below them; shell patterns. What isn't there is left out. */
  readonly paths?: readonly string[] | undefined
  /** How far below the root to go; 1 is what is in the root itself. */
  readonly maxDepth?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const KINDS: Readonly<Record<string, EntryKind>> = {
  '-': 'file',
  d: 'directory',
  l: 'symlink',
  c: 'character-device',
  b: 'block-device',
  p: 'fifo',
  s: 'socket'
}
const LINE = /^([-dlcbps])(\S{9}) (\d+)\/(\d+)\s+(?:(\d+),\s*(\d+)|(\d+)) \d{4}-\d\d-\d\d \d\d:\d\d squashfs-root(.*)$/s
const WHOLE_LISTING = 64 * 1024 * 1024 // characters: some 500,000 files

/** @throws {ToolMissing} @throws {ToolFailed} */
export async function list(image: string, options: UnsquashfsOptions = {}): Promise<Entry[]> {
  const { paths = [], maxDepth, signal } = options
  const depth = maxDepth === undefined ? [] : ['-max-depth', String(maxDepth)]
  const text = await capture(['-lln', '-UTC', ...depth, asPath(image), ...paths], WHOLE_LISTING, signal)
  const entries: Entry[] = []
  for (const line of text.toString('utf8').split('\n')) {
    const entry = parseLine(line)
    if (entry) entries.push(entry)
  }
  return entries
}

/** Pure: one line of `unsquashfs -lln`; undefined for what is no entry. */
export function parseLine(line: string): Entry | undefined {
  const found = LINE.exec(line)
  if (!found) return undefined
  const [, letter = '', mode = '', uid, gid, major, minor, size, rest = ''] = found
  const kind = KINDS[letter]
  if (!kind) return undefined
  const [path = '', target] = kind === 'symlink' ? cut(rest, ' -> ') : [rest]
  return {
    kind,
    path: path.replace(/^\//, ''),
    mode,
    uid: Number(uid),
    gid: Number(gid),
    sizeBytes: Number(size ?? 0),
    device: major === undefined ? undefined : [Number(major), Number(minor)],
    target
  }
}

/**
 * The bytes of one file; past `maxBytes` it is refused, so that memory stays bounded.
 * @throws {ToolMissing} @throws {ToolFailed} no such file, or a directory @throws {RangeError} larger than `maxBytes`
 */
export function cat(
  image: string,
  path: string,
  { maxBytes = 1024 * 1024, signal }: { readonly maxBytes?: number; readonly signal?: AbortSignal | undefined } = {}
): Promise<Buffer> {
  return capture(['-no-wildcards', '-cat', asPath(image), path], maxBytes, signal)
}

export interface ExtractOptions extends UnsquashfsOptions {
  readonly processors?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Into `destination`, which may exist. @throws {ToolMissing} @throws {ToolFailed} */
export async function extract(image: string, destination: string, options: ExtractOptions = {}): Promise<void> {
  const { paths = [], maxDepth, processors, onProgress, signal } = options
  await run({
    tool: 'unsquashfs',
    args: [
      ...['-force', '-dest', asPath(destination)],
      ...(maxDepth === undefined ? [] : ['-max-depth', String(maxDepth)]),
      ...(processors === undefined ? [] : ['-processors', String(processors)]),
      asPath(image),
      ...paths
    ],
    onStdout: onProgress && progressReader(onProgress),
    signal
  })
}

async function capture(args: readonly string[], maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
  const tooMuch = new AbortController()
  const chunks: Buffer[] = []
  let length = 0
  await run({
    tool: 'unsquashfs',
    args,
    signal: signal ? AbortSignal.any([signal, tooMuch.signal]) : tooMuch.signal,
    onStdout(chunk) {
      length += chunk.length
      if (length > maxBytes) tooMuch.abort(new RangeError(`more than ${maxBytes} bytes`))
      else chunks.push(chunk)
    }
  })
  return Buffer.concat(chunks, length)
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}

function asPath(path: string): string {
  return path.startsWith('-') ? `./${path}` : path
}
