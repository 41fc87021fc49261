// Kernel and initrd by their first bytes.
import { open } from 'node:fs/promises'

/** Enough of a kernel for its headers, and of an initrd for its magic. */
const HEAD_BYTES = 64 * 1024

const INITRD_MAGICS: readonly (readonly [string, string])[] = [
  ['cpio', '303730373031'], // 070701
  ['cpio', '303730373032'], // 070702, with checksums
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['lz4', '02214c18'], // the legacy frame, which is the one that Linux reads
  ['bzip2', '425a68'],
  ['lzma', '5d0000'],
  ['lzo', '894c5a4f']
]

export interface Kernel {
  readonly format: 'bzImage' | 'efi-stub' | 'gzip' | 'unknown'
  /** As `uname -r` says it; undefined where the format doesn't tell. */
  readonly release: string | undefined
}

/** Pure: the first 64 KiB of a kernel (Linux: Documentation/arch/x86/boot.rst). */
export function identifyKernel(head: Buffer): Kernel {
  if (head.length >= 0x210 && head.readUInt16LE(0x1fe) === 0xaa55 && head.toString('latin1', 0x202, 0x206) === 'HdrS') {
    return { format: 'bzImage', release: bzImageRelease(head) }
  }
  if (head.toString('latin1', 0, 2) === 'MZ') return { format: 'efi-stub', release: undefined }
  if (head.length > 2 && head.readUInt16BE(0) === 0x1f8b) return { format: 'gzip', release: undefined } // arm64
  return { format: 'unknown', release: undefined }
}

/** The version string's place counts from 0x200. */
function bzImageRelease(head: Buffer): string | undefined {
  const at = head.readUInt16LE(0x20e) + 0x200
  const end = head.indexOf(0, at)
  if (at === 0x200 || end === -1) return undefined
  return head.toString('latin1', at, end).split(' ')[0]
}

export function kernelWarnings(kernel: Kernel): string[] {
  return kernel.format === 'unknown' ? ['kernel: neither a bzImage nor an EFI stub; no loader will start it'] : []
}

/** Pure: the first bytes of an initrd. */
export function initrdWarnings(head: Buffer): string[] {
  const hex = head.toString('hex', 0, 8)
  return INITRD_MAGICS.some(([, magic]) => hex.startsWith(magic))
    ? []
    : ['initrd: neither a cpio archive nor a compressed one; the kernel will not unpack it']
}

export async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
  return buffer.subarray(0, bytesRead)
}
