import { existsSync } from 'node:fs'
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { mksquashfs, mksquashfsArguments } from '../../../server/squashfs-tools-ts/mksquashfs.ts'
import type { Progress } from '../../../server/squashfs-tools-ts/progress.ts'
import { cat, list } from '../../../server/squashfs-tools-ts/unsquashfs.ts'
import { tar } from '../../support/squashfs.ts'

const ROOT = [
  { name: './', type: '5', mtime: 1_000_000 },
  { name: './etc/', type: '5', mtime: 1_000_001 },
  { name: './etc/hostname', content: 'lab\n', mtime: 1_000_002 },
  { name: './no/parents/of/its/own', content: 'x', mtime: 1_000_003 }
]

t.test('the command line', async (t) => {
  t.same(
    mksquashfsArguments({
      ...{ source: 'root', destination: '-image', compression: 'gzip', level: 9, blockSizeBytes: 4096 },
      ...{ mkfsTime: 1, allTime: 2, processors: 3, memoryMegabytes: 4, excludes: ['var/cache/*', 'tmp'] }
    }).join(' '),
    'root ./-image -noappend -quiet -no-recovery -comp gzip -Xcompression-level 9 -b 4096 -mkfs-time 1 -all-time 2 ' +
      '-processors 3 -mem 4M -wildcards -e var/cache/* tmp'
  )
})

t.test('a tar has no root of its own, so it gets one that not everybody can write to', async (t) => {
  t.equal(
    mksquashfsArguments({ source: Readable.from([]), destination: 'image' }).join(' '),
    '- image -tar -root-mode 0755 -root-uid 0 -root-gid 0 -noappend -quiet -no-recovery -comp zstd'
  )
})

t.test('options that do not go together are our own mistake', async (t) => {
  const base = { source: 'root', destination: 'image' }
  const refused = [
    { ...base, compression: 'zstd', level: 23 },
    { ...base, compression: 'zstd', level: 'hc' },
    { ...base, compression: 'xz', level: 1 },
    { ...base, sourceDateEpoch: 1, mkfsTime: 0 },
    { ...base, source: Readable.from([]), excludes: ['tmp'] }
  ] as const
  for (const options of refused) t.throws(() => mksquashfsArguments(options), TypeError)
  t.match(mksquashfsArguments({ ...base, compression: 'lz4', level: 'hc' }), /-Xhc/)
})

t.test('a directory: progress, excludes, the same bytes again', async (t) => {
  const dir = t.testdir({ root: { etc: { hostname: 'lab' }, var: { cache: { apt: 'much' } } } })
  const seen: Progress[] = []
  const make = (destination: string) =>
    mksquashfs({
      source: join(dir, 'root'),
      destination: join(dir, destination),
      excludes: ['var/cache/*'],
      mkfsTime: 5,
      allTime: 5,
      onProgress: (progress) => seen.push(progress)
    })
  t.match(await make('one'), { compression: 'zstd', mkfsTime: 5, inodes: 5 })
  t.match(seen.at(-1), { percent: 100 })
  await make('two')
  t.same(await readFile(join(dir, 'one')), await readFile(join(dir, 'two')))
  const paths = (await list(join(dir, 'one'))).map(({ path }) => path)
  t.same(paths, ['', 'etc', 'etc/hostname', 'var', 'var/cache'])
})

t.test('a tar stream', async (t) => {
  const image = join(t.testdir(), 'image')
  await mksquashfs({ source: Readable.from([tar(ROOT)]), destination: image, sourceDateEpoch: 1_000_003 })
  t.equal((await cat(image, 'etc/hostname')).toString(), 'lab\n')
  t.match((await list(image))[0], { path: '', mode: 'rwxr-xr-x', uid: 0 })
})

t.test('one tar makes one image, whatever the time of day: sourceDateEpoch', async (t) => {
  const dir = t.testdir()
  const make = async (name: string, bytes: Buffer) => {
    await mksquashfs({ source: Readable.from([bytes]), destination: join(dir, name), sourceDateEpoch: 1_000_003 })
    return await readFile(join(dir, name))
  }
  const first = await make('one', tar(ROOT))
  await new Promise((resolve) => setTimeout(resolve, 1100)) // squashfs counts in seconds
  t.same(await make('two', tar(ROOT)), first)
})

t.test('SOURCE_DATE_EPOCH of the environment changes nothing', async (t) => {
  const dir = t.testdir({ root: { file: 'x' } })
  await utimes(join(dir, 'root', 'file'), 2_000, 2_000)
  process.env.SOURCE_DATE_EPOCH = '1000'
  t.teardown(() => delete process.env.SOURCE_DATE_EPOCH)
  const made = await mksquashfs({ source: join(dir, 'root'), destination: join(dir, 'image'), mkfsTime: 3 })
  t.equal(made.mkfsTime, 3)
})

t.test('what fails leaves no file behind', async (t) => {
  const dir = t.testdir({ root: { file: 'x' } })
  const destination = join(dir, 'image')
  await t.rejects(mksquashfs({ source: bytesOf('no tar'.repeat(1000)), destination }), { code: 'NOT_A_TAR' })
  await t.rejects(mksquashfs({ source: join(dir, 'none'), destination }), { code: 'TOOL_FAILED', exitCode: 1 })
  const cutOff = tar(ROOT).subarray(0, 1800)
  await t.rejects(mksquashfs({ source: bytesOf(cutOff), destination }), { code: 'NOT_A_TAR' })
  const broken = Readable.from(failing(tar(ROOT).subarray(0, 600)))
  await t.rejects(mksquashfs({ source: broken, destination }), { message: 'the network went away' })
  t.notOk(existsSync(destination))
})

t.test('an aborted one is killed, and rejects with the reason', async (t) => {
  const dir = t.testdir()
  await mkdir(join(dir, 'root'))
  await writeFile(join(dir, 'root', 'noise'), Buffer.alloc(64 * 1024 * 1024, 'not all the same'))
  const destination = join(dir, 'image')
  const late = new AbortController()
  const onProgress = () => late.abort(new Error('changed my mind'))
  const made = mksquashfs({
    ...{ source: join(dir, 'root'), destination, level: 22, onProgress, signal: late.signal }
  })
  await t.rejects(made, { message: 'changed my mind' })
  t.notOk(existsSync(destination))
  await t.rejects(mksquashfs({ source: dir, destination, signal: AbortSignal.abort(new Error('never')) }), {
    message: 'never'
  })
})

function bytesOf(content: string | Buffer): Readable {
  return Readable.from([Buffer.from(content)])
}

async function* failing(first: Buffer) {
  yield first
  throw new Error('the network went away')
}
