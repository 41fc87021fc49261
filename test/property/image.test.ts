// Whatever bytes come: image files are read or refused by a typed error, and what we write reads back.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { NotSquashfs, parseSuperblock, TruncatedSquashfs, UnsupportedSquashfs } from 'squashfs-tools-ts'
import t from 'tap'
import { type Content, decodeManifest, encodeManifest, MalformedManifest } from '../../server/image/manifest.ts'
import { isImageName, isVersionName } from '../../server/image/names.ts'
import { decodeIndex, encodeIndex, nameOf, parseRefName, refName, withEntry } from '../../server/image/oci-index.ts'
import { MalformedTar, TarScanner } from '../../server/image/tar.ts'
import { superblock, tar } from '../support/squashfs.ts'

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
const plain = { noNullPrototype: true }
const blob = fc.record({ digest: hex.map((digits) => `sha256:${digits}`), sizeBytes: fc.nat() }, plain)
const parts = { kernel: blob, initrd: blob, layers: fc.array(blob, { minLength: 1, maxLength: 5 }) }
const settings = { arguments: fc.array(fc.string()), notes: fc.string({ unit: 'grapheme' }) }
const content: fc.Arbitrary<Content> = fc.record({ ...parts, ...settings }, plain)
const letters = [...'abz019AZ.+~-']
const image = fc.string({ unit: fc.constantFrom(...letters), maxLength: 64 }).filter(isImageName)
const version = fc.string({ unit: fc.constantFrom(...letters), maxLength: 64 }).filter(isVersionName)

/** Bytes with a few of them changed, some cut off, some added. */
function mutated(bytes: Buffer): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 })
  return fc.tuple(changes, fc.nat(bytes.length), fc.uint8Array({ maxLength: 16 })).map(([changes, length, more]) => {
    const copy = Buffer.from(bytes)
    for (const [at, byte] of changes) copy[at] = byte
    return Buffer.concat([copy.subarray(0, length), more])
  })
}

/** Runs `read`; anything but a refusal of these kinds fails the property. */
function readOrRefused(read: () => unknown, ...refusals: readonly (abstract new (...args: never[]) => Error)[]): void {
  try {
    read()
  } catch (error) {
    if (!refusals.some((refusal) => error instanceof refusal)) throw error
  }
}

t.test('a manifest reads back as it was written, and is written one way', async () => {
  fc.assert(
    fc.property(content, (content) => {
      const { manifest, config, digest } = encodeManifest(content)
      const decoded = decodeManifest(manifest, config)
      assert.deepEqual(decoded, content)
      if (encodeManifest(decoded).digest !== digest) throw new Error('another digest')
    }),
    { numRuns: 300 }
  )
})

t.test('a damaged manifest is read or refused', async () => {
  const { manifest, config } = encodeManifest({
    kernel: { digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 1 },
    initrd: { digest: `sha256:${'b'.repeat(64)}`, sizeBytes: 2 },
    layers: [{ digest: `sha256:${'c'.repeat(64)}`, sizeBytes: 3 }],
    arguments: [],
    notes: ''
  })
  fc.assert(
    fc.property(fc.oneof(mutated(manifest), fc.json().map(Buffer.from)), (bytes) => {
      readOrRefused(() => decodeManifest(bytes, config), MalformedManifest)
    }),
    { numRuns: 2000 }
  )
})

t.test('every name has one reference, and every reference one name', async () => {
  fc.assert(
    fc.property(image, version, (image, version) => {
      const ref = refName({ image, version })
      // The grammar of org.opencontainers.image.ref.name (image-spec v1.1, annotations.md).
      const component = '[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*'
      if (!new RegExp(`^${component}$`).test(ref)) throw new Error(`not in the grammar: ${ref}`)
      assert.deepEqual(parseRefName(ref), { image, version })
    }),
    { numRuns: 500 }
  )
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab1:_27e./~') }), (ref) => {
      const name = parseRefName(ref)
      if (name && refName(name) !== ref) throw new Error(`a second spelling: ${ref}`)
    }),
    { numRuns: 2000 }
  )
})

t.test('an index keeps every entry', async () => {
  const names = fc.uniqueArray(fc.record({ image, version }, plain), { selector: refName, maxLength: 10 })
  fc.assert(
    fc.property(names, (names) => {
      const entry = {
        mediaType: 'x/y',
        digest: `sha256:${'a'.repeat(64)}`,
        sizeBytes: 1,
        publishedAt: '',
        warnings: []
      }
      const empty = decodeIndex(Buffer.from('{"schemaVersion":2,"manifests":[]}'))
      const index = names.reduce((index, name) => withEntry(index, { ...entry, ...name }), empty)
      assert.deepEqual(decodeIndex(encodeIndex(index)).manifests.map(nameOf), names)
    })
  )
})

t.test('a superblock is read or refused', async () => {
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.oneof(noise, mutated(superblock())), fc.option(fc.nat(), { nil: undefined }), (bytes, length) => {
      readOrRefused(() => parseSuperblock(bytes, length), NotSquashfs, UnsupportedSquashfs, TruncatedSquashfs)
    }),
    { numRuns: 5000 }
  )
})

t.test('a tar is read or refused, and cutting the stream elsewhere changes nothing', async () => {
  const whole = tar([
    { name: 'a/', type: '5', mtime: 5 },
    { name: 'pax', type: 'x', content: '20 mtime=1700000000\n' },
    { name: 'a/b', content: Buffer.alloc(700, 1), mtime: 7 },
    { name: 'sparse', type: 'S', content: 'x' }
  ])
  const scan = (bytes: Buffer, chunkBytes: number) => {
    const scanner = new TarScanner()
    try {
      for (let at = 0; at < bytes.length; at += chunkBytes) scanner.push(bytes.subarray(at, at + chunkBytes))
      return scanner.end()
    } catch (error) {
      if (error instanceof MalformedTar) return error.message
      throw error
    }
  }
  fc.assert(
    fc.property(mutated(whole), fc.integer({ min: 1, max: 600 }), (bytes, chunkBytes) => {
      assert.deepEqual(scan(bytes, chunkBytes), scan(bytes, bytes.length || 1))
    }),
    { numRuns: 1000 }
  )
})
