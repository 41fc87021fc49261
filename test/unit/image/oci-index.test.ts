import t from 'tap'
import { MalformedManifest } from '../../../server/image/manifest.ts'
import {
  decodeIndex,
  EMPTY_INDEX,
  encodeIndex,
  type IndexEntry,
  nameOf,
  parseRefName,
  publishedAtOf,
  refName,
  warningsOf,
  withEntry,
  withoutEntry
} from '../../../server/image/oci-index.ts'

const NAME = { image: 'lab', version: '1.0' }
const ENTRY = {
  ...NAME,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  sizeBytes: 740,
  publishedAt: '2026-01-01T00:00:00.000Z',
  warnings: ['root: one thing', 'another']
}
const FOREIGN: IndexEntry = { mediaType: 'x/y', digest: `sha256:${'b'.repeat(64)}`, size: 1 }

t.test('an entry says what the manifest does not: name, time, warnings', async (t) => {
  const index = decodeIndex(encodeIndex(withEntry(EMPTY_INDEX, ENTRY)))
  const [entry] = index.manifests
  if (!entry) throw new Error('no entry')
  t.same(entry, {
    mediaType: ENTRY.mediaType,
    digest: ENTRY.digest,
    size: 740,
    annotations: {
      'org.opencontainers.image.ref.name': 'lab:1.0',
      'org.opencontainers.image.created': '2026-01-01T00:00:00.000Z',
      'io.rootcast.warnings': '["root: one thing","another"]'
    }
  })
  t.same(nameOf(entry), NAME)
  t.equal(publishedAtOf(entry), ENTRY.publishedAt)
  t.same(warningsOf(entry), ENTRY.warnings)
})

t.test('what others wrote stays as it is', async (t) => {
  const index = { ...EMPTY_INDEX, manifests: [FOREIGN], annotations: { by: 'somebody' } }
  const changed = withoutEntry(withEntry(decodeIndex(encodeIndex(index)), ENTRY), NAME)
  t.same(changed, index)
  t.equal(nameOf(FOREIGN), undefined)
  t.equal(publishedAtOf(FOREIGN), undefined)
  t.same(warningsOf(FOREIGN), [])
  t.same(warningsOf({ ...FOREIGN, annotations: { 'io.rootcast.warnings': '{' } }), [])
})

t.test('an index that cannot be read', async (t) => {
  for (const text of ['', '{', '[]', '{"schemaVersion":1,"manifests":[]}', '{"schemaVersion":2}']) {
    t.throws(() => decodeIndex(Buffer.from(text)), MalformedManifest, text)
  }
})

t.test("names that the specification's grammar has no room for are escaped", async (t) => {
  const spelled = [
    ['lab', '1.0', 'lab:1.0'],
    ['lab', '1.0-rc1+5', 'lab:1.0-rc1+5'],
    ['lab', '1.2~bpo12+1', 'lab:1_2e2_7ebpo12_2b1'],
    ['lab', '1..2', 'lab:1_2e_2e2'],
    ['lab', '1.', 'lab:1_2e'],
    ['a--b', '1', 'a--b:1'],
    ['a---b-', '1', 'a_2d_2d_2db_2d:1']
  ] as const
  for (const [image, version, ref] of spelled) {
    t.equal(refName({ image, version }), ref)
    t.same(parseRefName(ref), { image, version })
  }
})

t.test('references that name no version of ours', async (t) => {
  for (const ref of [
    '',
    'latest',
    'lab:',
    ':1',
    'lab:1:2',
    'Lab:1',
    'lab:1_2e0',
    'lab:_2e_2e',
    'lab:..',
    'lab:1_2f2'
  ]) {
    t.equal(parseRefName(ref), undefined, ref)
  }
})
