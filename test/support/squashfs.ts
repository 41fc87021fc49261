// Small images and archives, made byte by byte where a test needs wrong ones.

export interface SuperblockFields {
  readonly magic?: string
  readonly compression?: number
  readonly major?: number
  readonly minor?: number
  readonly blockSizeBytes?: number
  readonly blockLog?: number
  readonly bytesUsed?: number
  readonly flags?: number
}

/** The 96 bytes that a squashfs begins with. */
export function superblock(fields: SuperblockFields = {}): Buffer {
  const bytes = Buffer.alloc(96)
  bytes.write(fields.magic ?? 'hsqs', 0, 'latin1')
  bytes.writeUInt32LE(7, 4) // inodes
  bytes.writeUInt32LE(1_767_225_600, 8) // 2026-01-01
  bytes.writeUInt32LE(fields.blockSizeBytes ?? 131_072, 12)
  bytes.writeUInt32LE(2, 16) // fragments
  bytes.writeUInt16LE(fields.compression ?? 6, 20)
  bytes.writeUInt16LE(fields.blockLog ?? 17, 22)
  bytes.writeUInt16LE(fields.flags ?? 0, 24)
  bytes.writeUInt16LE(1, 26) // ids
  bytes.writeUInt16LE(fields.major ?? 4, 28)
  bytes.writeUInt16LE(fields.minor ?? 0, 30)
  bytes.writeBigUInt64LE(BigInt(fields.bytesUsed ?? 96), 40)
  return bytes
}

/** What passes for a whole squashfs as long as nobody mounts it. */
export function layer(content: string | Buffer): Buffer {
  const body = Buffer.from(content)
  return Buffer.concat([superblock({ bytesUsed: 96 + body.length }), body])
}

export interface TarEntry {
  readonly name: string
  readonly type?: string
  readonly content?: string | Buffer
  /** Seconds since 1970. */
  readonly mtime?: number
  /** What the header says, when that is not the content's length. */
  readonly sizeBytes?: number
}

const END_OF_TAR = Buffer.alloc(1024)

/** POSIX ustar. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), END_OF_TAR])
}

export function tarEntry({ name, type = '0', content = '', mtime = 0, sizeBytes }: TarEntry): Buffer {
  const body = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name, 0, 'utf8')
  header.write(type === '5' ? '0000755' : '0000644', 100)
  header.write('0000000', 108)
  header.write('0000000', 116)
  header.write((sizeBytes ?? body.length).toString(8).padStart(11, '0'), 124)
  header.write(mtime.toString(8).padStart(11, '0'), 136)
  header.write(type, 156)
  header.write('ustar\x0000', 257, 'latin1')
  return Buffer.concat([withChecksum(header), body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

export function withChecksum(header: Buffer): Buffer {
  header.fill(0x20, 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
