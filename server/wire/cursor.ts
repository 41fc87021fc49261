// Bounds-checked reading of datagrams: every overrun becomes one error type that names the field.

/** Malformed input from the network: expected, counted, dropped. Never a bug in us. */
export class MalformedPacket extends Error {
  readonly code = 'ERR_MALFORMED_PACKET'
  readonly field: string
  readonly offset: number

  constructor(field: string, offset: number) {
    super(`malformed ${field} at byte ${offset}`)
    this.name = 'MalformedPacket'
    this.field = field
    this.offset = offset
  }
}

export class Reader {
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  bytes(length: number, field: string): Buffer {
    const start = this.pass(length, field)
    return this.#bytes.subarray(start, this.#at)
  }

  u8(field: string): number {
    return this.#bytes.readUInt8(this.pass(1, field))
  }

  u16(field: string): number {
    return this.#bytes.readUInt16BE(this.pass(2, field))
  }

  u32(field: string): number {
    return this.#bytes.readUInt32BE(this.pass(4, field))
  }

  /** A fixed-width field that holds text up to its first NUL. */
  text(length: number, field: string): string {
    const start = this.pass(length, field)
    if (this.#bytes[start] === 0) return ''
    const end = this.#bytes.indexOf(0, start)
    return this.#bytes.toString('latin1', start, end === -1 || end > this.#at ? this.#at : end)
  }

  /** Text up to and with its NUL; malformed if none is left. */
  cstring(field: string): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end === -1) throw this.malformed(field)
    const text = this.#bytes.toString('latin1', this.#at, end)
    this.#at = end + 1
    return text
  }

  malformed(field: string): MalformedPacket {
    return new MalformedPacket(field, this.#at)
  }

  /** Goes on behind a field; where that begins. */
  pass(length: number, field: string): number {
    if (length > this.remaining) throw this.malformed(field)
    const start = this.#at
    this.#at += length
    return start
  }
}
