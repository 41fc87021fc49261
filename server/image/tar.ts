// Walks the headers of a tar stream (POSIX pax, GNU, v7) and looks at no file. Pure: bytes in, a summary out.
// It finds what is no tar before any tool is started, and the newest time in it, which makes the squashfs reproducible.

const BLOCK = 512
const LONGEST_PAX = 1024 * 1024

/** Not a tar, or not a whole one. */
export class MalformedTar extends Error {
  readonly code = 'NOT_A_TAR'

  constructor(message: string) {
    super(message)
    this.name = 'MalformedTar'
  }
}

export interface TarSummary {
  readonly entries: number
  /** Seconds since 1970. */
  readonly newestMtime: number
}

const NOTHING_OVERRIDDEN: PaxOverrides = { sizeBytes: undefined, mtime: undefined }

interface PaxOverrides {
  readonly sizeBytes: number | undefined
  readonly mtime: number | undefined
}

export class TarScanner {
  readonly #block = Buffer.alloc(BLOCK)
  #filled = 0
  /** Content still to be passed over. */
  #skip = 0
  /** A pax header's content, while it comes in. */
  #pax: Buffer[] | undefined
  #paxLeft = 0
  #overrides: PaxOverrides = NOTHING_OVERRIDDEN
  #sparse = false
  #ended = false
  #entries = 0
  #newestMtime = 0

  /** @throws {MalformedTar} */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      // The rest of a sparse header comes before the content.
      if (this.#skip > 0 && !this.#sparse) at += this.#pass(chunk.subarray(at))
      else at += this.#fill(chunk.subarray(at))
    }
  }

  /** @throws {MalformedTar} */
  end(): TarSummary {
    if (this.#entries === 0) throw new MalformedTar(this.#filled > 0 ? 'too short to be a tar' : 'the tar is empty')
    if (!this.#ended && (this.#skip > 0 || this.#filled > 0 || this.#sparse))
      throw new MalformedTar('the tar ends in the middle of a file')
    return { entries: this.#entries, newestMtime: this.#newestMtime }
  }

  #pass(chunk: Uint8Array): number {
    const length = Math.min(this.#skip, chunk.length)
    this.#skip -= length
    if (this.#pax) this.#collect(this.#pax, chunk.subarray(0, length))
    return length
  }

  /** Content is padded to whole blocks; only what comes before the padding belongs to it. */
  #collect(pax: Buffer[], chunk: Uint8Array): void {
    const wanted = chunk.subarray(0, this.#paxLeft)
    this.#paxLeft -= wanted.length
    pax.push(Buffer.from(wanted))
    if (this.#skip > 0) return
    this.#overrides = paxOverrides(Buffer.concat(pax))
    this.#pax = undefined
  }

  #fill(chunk: Uint8Array): number {
    const length = Math.min(BLOCK - this.#filled, chunk.length)
    this.#block.set(chunk.subarray(0, length), this.#filled)
    this.#filled += length
    if (this.#filled === BLOCK) {
      this.#filled = 0
      if (this.#sparse) this.#sparse = this.#block[504] !== 0
      else this.#header(this.#block)
    }
    return length
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#ended = true
      return
    }
    if (!checksumFits(block)) {
      throw new MalformedTar(this.#entries === 0 ? 'not a tar, nor a gzip or zstd of one' : 'the tar is damaged')
    }
    const type = String.fromCharCode(block[156] ?? 0)
    const sizeBytes = this.#overrides.sizeBytes ?? numberAt(block, 124, 12)
    this.#entries += 1
    if (type === 'x') this.#startPax(sizeBytes)
    else if (!'gLK'.includes(type)) this.#take(type, block)
    // Links, devices and directories have no content, whatever their size says.
    this.#skip = '123456'.includes(type) ? 0 : Math.ceil(sizeBytes / BLOCK) * BLOCK
  }

  #startPax(sizeBytes: number): void {
    if (sizeBytes > LONGEST_PAX) throw new MalformedTar('the tar has an extended header of more than 1 MiB')
    if (sizeBytes === 0) return
    this.#pax = []
    this.#paxLeft = sizeBytes
  }

  #take(type: string, block: Buffer): void {
    const mtime = this.#overrides.mtime ?? numberAt(block, 136, 12)
    this.#newestMtime = Math.max(this.#newestMtime, Math.min(mtime, 0xffffffff)) // squashfs keeps 32 bits
    this.#overrides = NOTHING_OVERRIDDEN
    this.#sparse = type === 'S' && block[482] !== 0 // old GNU sparse: more header blocks follow
  }
}

/** The sum of all bytes, the checksum's own eight counted as spaces; ancient tars summed signed bytes. */
function checksumFits(block: Buffer): boolean {
  let unsigned = 0
  let signed = 0
  for (const [at, byte] of block.entries()) {
    const counted = at >= 148 && at < 156 ? 0x20 : byte
    unsigned += counted
    signed += counted > 127 ? counted - 256 : counted
  }
  const stated = numberAt(block, 148, 8)
  return stated === unsigned || stated === signed
}

/** Octal text, or GNU's base-256 for what is too large for that. Negative times count as 0. */
function numberAt(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0
  if (first === 0x80) return clamp(BigInt(`0x${block.toString('hex', start + 1, start + length)}`))
  if (first > 0x80) return 0
  const digits = /^ *([0-7]+)/.exec(block.toString('latin1', start, start + length))
  return digits?.[1] === undefined ? 0 : Number.parseInt(digits[1], 8)
}

function clamp(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
}

/** pax records: `<length> <key>=<value>\n` each, where the length counts itself. */
function paxOverrides(content: Buffer): PaxOverrides {
  let { sizeBytes, mtime } = NOTHING_OVERRIDDEN
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(' ', at)
    const length = Number(content.toString('latin1', at, space === -1 ? content.length : space))
    if (space === -1 || !Number.isInteger(length) || length <= space - at) {
      throw new MalformedTar('the tar has a damaged extended header')
    }
    const record = content.toString('utf8', space + 1, at + length - 1)
    const [key, value] = [record.slice(0, record.indexOf('=')), Number(record.slice(record.indexOf('=') + 1))]
    if (key === 'size' && Number.isSafeInteger(value) && value >= 0) sizeBytes = value
    if (key === 'mtime' && Number.isFinite(value)) mtime = Math.max(0, Math.floor(value))
    at += length
  }
  return { sizeBytes, mtime }
}
