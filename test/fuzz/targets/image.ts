// What is read of an uploaded or copied image: manifest, index, tar, superblock; and check-ins.
import { MalformedCheckIn, parseCheckIn } from '../../../server/boot/checkin.ts'
import { configOf, decodeManifest, encodeManifest, MalformedManifest, sha256 } from '../../../server/image/manifest.ts'
import {
  decodeIndex,
  encodeIndex,
  type Index,
  nameOf,
  parseRefName,
  publishedAtOf,
  refName,
  warningsOf,
  withEntry,
  withoutEntry
} from '../../../server/image/oci-index.ts'
import { MalformedTar, TarScanner } from '../../../server/image/tar.ts'
import {
  NotSquashfs,
  parseSuperblock,
  TruncatedSquashfs,
  UnsupportedSquashfs
} from '../../../server/squashfs-tools-ts/index.ts'
import { superblock, tar, withChecksum } from '../../support/squashfs.ts'
import { hold, type Target, tolerate } from '../engine/target.ts'
import { blocks, pieces } from '../spans.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const JSON_MARKS = [...'{}[],:"'].map((mark) => mark.charCodeAt(0))
const jsonSpans = (input: Buffer) => pieces(input, ...JSON_MARKS)

const VERSION = encodeManifest({
  kernel: { digest: digest('a'), sizeBytes: 1 },
  initrd: { digest: digest('b'), sizeBytes: 2 },
  layers: [
    { digest: digest('c'), sizeBytes: 3 },
    { digest: digest('d'), sizeBytes: 4 }
  ],
  arguments: ['quiet'],
  notes: 'notes'
})

const manifest: Target = {
  name: 'image-manifest',
  maxBytes: 4096,
  seeds: () => [VERSION.manifest],
  spans: jsonSpans,
  run(input) {
    tolerate(() => configOf(input), MalformedManifest)
    const content = tolerate(() => decodeManifest(input, VERSION.config), MalformedManifest)
    if (!content) return
    const again = encodeManifest(content)
    hold(encodeManifest(decodeManifest(again.manifest, again.config)).digest === again.digest, 'another digest')
  }
}

const config: Target = {
  name: 'image-config',
  maxBytes: 2048,
  seeds: () => [VERSION.config],
  spans: jsonSpans,
  run(input) {
    const text = VERSION.manifest.toString().replace(VERSION.configDigest, sha256(input))
    tolerate(() => decodeManifest(Buffer.from(text), input), MalformedManifest)
  }
}

const ENTRY = {
  ...{ image: 'lab', version: '1.0~rc1', mediaType: 'x/y', digest: digest('e'), sizeBytes: 5 },
  ...{ publishedAt: '2026-01-01T00:00:00Z', warnings: ['kernel: too good to be one'] }
}

const index: Target = {
  name: 'image-index',
  maxBytes: 4096,
  seeds: () => [encodeIndex(withEntry({ schemaVersion: 2, manifests: [] }, ENTRY))],
  spans: jsonSpans,
  run(input) {
    const read = tolerate(() => decodeIndex(input), MalformedManifest)
    if (read) entries(read)
  }
}

function entries(read: Index): void {
  for (const entry of read.manifests) {
    warningsOf(entry)
    publishedAtOf(entry)
    const name = nameOf(entry)
    if (name)
      hold(withoutEntry(read, name).manifests.length < read.manifests.length, 'a version that can not be removed')
  }
  const more = decodeIndex(encodeIndex(withEntry(read, ENTRY)))
  hold(more.manifests.length === read.manifests.length + 1, 'an entry was lost')
}

const reference: Target = {
  name: 'image-reference',
  maxBytes: 256,
  seeds: () => [Buffer.from(refName(ENTRY)), Buffer.from('lab:1.0')],
  spans: (input) => pieces(input, ':'.charCodeAt(0), '_'.charCodeAt(0)),
  run(input) {
    const text = input.toString('latin1')
    const name = parseRefName(text)
    if (name) hold(refName(name) === text, `two spellings of one name: ${text}`)
  }
}

/** The first two bytes say how the stream is cut into chunks. */
const tarStream: Target = {
  name: 'image-tar',
  maxBytes: 16 * 1024,
  seeds: () => [
    Buffer.concat([
      Buffer.of(1, 44),
      tar([
        { name: 'a/', type: '5', mtime: 5 },
        { name: 'pax', type: 'x', content: '20 mtime=1700000000\n' },
        { name: 'a/b', content: Buffer.alloc(700, 1), mtime: 7 },
        { name: 'sparse', type: 'S', content: 'x' }
      ])
    ])
  ],
  spans: (input) => blocks(input, 512),
  workPerByte: 500,
  run(input) {
    const chunkBytes = 1 + (input.length >= 2 ? input.readUInt16BE(0) : 0)
    const stream = input.subarray(2)
    const whole = scan(stream, stream.length + 1)
    hold(scan(stream, chunkBytes) === whole, 'a tar is read in two ways')
  }
}

function scan(stream: Buffer, chunkBytes: number): string {
  const scanner = new TarScanner()
  try {
    for (let at = 0; at < stream.length; at += chunkBytes) scanner.push(stream.subarray(at, at + chunkBytes))
    const { entries, newestMtime } = scanner.end()
    hold(Number.isSafeInteger(newestMtime) && newestMtime >= 0, `newest time ${newestMtime}`)
    return `${entries} ${newestMtime}`
  } catch (error) {
    if (error instanceof MalformedTar) return error.message
    throw error
  }
}

/** Valid headers are rare by chance: here every block's checksum is put right first. */
const tarHeaders: Target = {
  ...tarStream,
  name: 'image-tar-headers',
  run(input) {
    for (let at = 2; at + 512 <= input.length; at += 512) {
      const block = input.subarray(at, at + 512)
      if (block[0] === 0) continue
      withChecksum(block)
    }
    return tarStream.run(input)
  }
}

const squashfs: Target = {
  name: 'squashfs-header',
  maxBytes: 256,
  seeds: () => [superblock()],
  spans: (input) => blocks(input, 2),
  run(input) {
    for (const length of [undefined, input.length, 1 << 30]) {
      tolerate(() => parseSuperblock(input, length), NotSquashfs, UnsupportedSquashfs, TruncatedSquashfs)
    }
  }
}

const checkIn: Target = {
  name: 'check-in',
  maxBytes: 10_000,
  seeds: () => [
    Buffer.from('layers progress 100 2000\nfetching'),
    Buffer.from('up ok\n'),
    Buffer.from('root failed\nno')
  ],
  spans: (input) => pieces(input, 10, 32),
  run(input) {
    const seen = tolerate(() => parseCheckIn(input.toString('utf8')), MalformedCheckIn)
    if (!seen) return
    hold(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(seen.detail), 'a detail with control characters')
    hold(Number.isSafeInteger(seen.doneBytes ?? 0) && (seen.doneBytes ?? 0) >= 0, 'odd byte counts')
  }
}

export const targets: readonly Target[] = [manifest, config, index, reference, tarStream, tarHeaders, squashfs, checkIn]
