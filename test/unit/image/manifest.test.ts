import t from 'tap'
import {
  type Content,
  configOf,
  decodeManifest,
  encodeManifest,
  MalformedManifest,
  sha256
} from '../../../server/image/manifest.ts'

const blob = (letter: string, sizeBytes: number) => ({ digest: `sha256:${letter.repeat(64)}`, sizeBytes })
const CONTENT: Content = {
  kernel: blob('a', 8),
  initrd: blob('b', 33),
  layers: [blob('c', 100), blob('d', 5)],
  arguments: ['quiet', 'console=ttyS0'],
  notes: 'with Firefox'
}

t.test('as it stands on disk', async (t) => {
  const { manifest, config, digest, configDigest } = encodeManifest(CONTENT)
  const layer = (mediaType: string, { digest, sizeBytes }: { digest: string; sizeBytes: number }, title: string) => ({
    mediaType,
    digest,
    size: sizeBytes,
    annotations: { 'org.opencontainers.image.title': title }
  })
  t.same(JSON.parse(manifest.toString()), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/vnd.rootcast.version.v1',
    config: {
      mediaType: 'application/vnd.rootcast.version.config.v1+json',
      digest: configDigest,
      size: config.length
    },
    layers: [
      layer('application/vnd.rootcast.kernel.v1', CONTENT.kernel, 'vmlinuz'),
      layer('application/vnd.rootcast.initrd.v1', CONTENT.initrd, 'initrd.img'),
      layer('application/vnd.rootcast.layer.v1.squashfs', blob('c', 100), 'layer-0.squashfs'),
      layer('application/vnd.rootcast.layer.v1.squashfs', blob('d', 5), 'layer-1.squashfs')
    ],
    annotations: { 'org.opencontainers.image.description': 'with Firefox' }
  })
  t.equal(config.toString(), '{"arguments":["quiet","console=ttyS0"]}')
  t.equal(digest, sha256(manifest))
  t.equal(configDigest, sha256(config))
})

t.test('a digest that never changes: what is published today must be found tomorrow', async (t) => {
  t.equal(encodeManifest(CONTENT).digest, 'sha256:d77cabe28137f7942d5c1d573604d0d4b724527fb9f80c74857f6a7081aac166')
})

t.test('and back', async (t) => {
  const { manifest, config, configDigest } = encodeManifest(CONTENT)
  t.same(decodeManifest(manifest, config), CONTENT)
  t.same(configOf(manifest), { digest: configDigest, sizeBytes: config.length })
  const bare = encodeManifest({ ...CONTENT, notes: '', arguments: [] })
  t.same(decodeManifest(bare.manifest, bare.config), { ...CONTENT, notes: '', arguments: [] })
})

t.test('the order of layers and of arguments is content', async (t) => {
  const { layers, arguments: args } = CONTENT
  t.not(encodeManifest({ ...CONTENT, layers: layers.toReversed() }).digest, encodeManifest(CONTENT).digest)
  t.not(encodeManifest({ ...CONTENT, arguments: args.toReversed() }).digest, encodeManifest(CONTENT).digest)
})

t.test('JSON that is no version of ours', async (t) => {
  const { manifest, config } = encodeManifest(CONTENT)
  const change = (edit: (json: { [key: string]: unknown; layers: { mediaType: string }[] }) => void) => {
    const json = JSON.parse(manifest.toString())
    edit(json)
    return Buffer.from(JSON.stringify(json))
  }
  const malformed: readonly (readonly [string, Buffer])[] = [
    ['no JSON', Buffer.from('{')],
    ['null', Buffer.from('null')],
    ['another artifact', change((json) => (json.artifactType = 'application/vnd.cncf.helm'))],
    ['an image of containers', change((json) => delete json.artifactType)],
    ['another config', change((json) => Object.assign(json.config ?? {}, { mediaType: 'application/json' }))],
    ['no kernel', change((json) => json.layers.shift())],
    ['two initrds', change((json) => json.layers.push(...json.layers.slice(1, 2)))],
    ['no layers', change((json) => json.layers.splice(2))],
    ['a part that nobody would boot', change((json) => json.layers.push({ ...json.layers[0], mediaType: 'x/y' }))],
    ['a digest that is a path', Buffer.from(manifest.toString().replace('a'.repeat(64), '../../../etc/passwd'))],
    ['a negative size', Buffer.from(manifest.toString().replace('"size":33', '"size":-33'))]
  ]
  for (const [what, bytes] of malformed) t.throws(() => decodeManifest(bytes, config), MalformedManifest, what)
  t.throws(
    () => decodeManifest(manifest, Buffer.from('{"arguments":[]}')),
    MalformedManifest,
    "another version's config"
  )
})

t.test('fields that we do not know are let through', async (t) => {
  const { manifest, config } = encodeManifest(CONTENT)
  const later = { ...JSON.parse(manifest.toString()), subject: { mediaType: 'x/y', digest: 'sha256:0', size: 1 } }
  t.same(decodeManifest(Buffer.from(JSON.stringify(later)), config), CONTENT)
})
