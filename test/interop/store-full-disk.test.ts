// A disk that is full halfway through a publication: a small tmpfs in a mount namespace of its own.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const PUBLISHER = join(import.meta.dirname, '../support/publisher.ts')
const MEGABYTE = 1_000_000

/** What the publisher told, and the files on the disk when it was done. */
function publishOn(mountPoint: string, sizeBytes: number, ...work: readonly string[]) {
  const script = `
    mount -t tmpfs -o size=${sizeBytes} tmpfs "$1" && cd "$1" && mkdir store && shift
    "$@" && find store/blobs store/ingest -type f -o -path 'store/ingest/*' | sort`
  const command = [process.execPath, PUBLISHER, 'store', '0', ...work]
  const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', mountPoint, ...command], {
    encoding: 'utf8',
    timeout: 60_000
  })
  if (stderr !== '') throw new Error(stderr)
  const lines = stdout.trim().split('\n')
  return {
    told: lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)),
    files: lines.filter((line) => line.startsWith('store/'))
  }
}

t.test('NO_SPACE, nothing left behind, and the next one that fits is published', async (t) => {
  const { told, files } = publishOn(
    t.testdir(),
    6 * MEGABYTE,
    `publish:large:${20 * MEGABYTE}`,
    `root:unpacked:${20 * MEGABYTE}`,
    `root:packed:${4 * MEGABYTE}`, // the upload fits, and the squashfs beside it does not
    `publish:fits:${MEGABYTE}`
  )
  t.same(told, [
    { did: 'open' },
    { did: `publish:large:${20 * MEGABYTE}`, code: 'NO_SPACE' },
    { did: `root:unpacked:${20 * MEGABYTE}`, code: 'NO_SPACE' },
    { did: `root:packed:${4 * MEGABYTE}`, code: 'NO_SPACE' },
    { did: `publish:fits:${MEGABYTE}` }
  ])
  t.equal(files.length, 6, files.join(' ')) // kernel, initrd, two layers, config, manifest
})

t.test('a version that is there stays there', async (t) => {
  const { told, files } = publishOn(
    t.testdir(),
    3 * MEGABYTE,
    `publish:there:${MEGABYTE}`,
    `publish:large:${3 * MEGABYTE}`,
    'remove:there'
  )
  t.match(told, [{}, {}, { code: 'NO_SPACE' }, { did: 'remove:there' }])
  t.notOk(told[3].code, 'and it can be removed from a full disk')
  t.same(files, [])
})
