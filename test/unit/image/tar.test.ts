import { spawnSync } from 'node:child_process'
import { mkdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { MalformedTar, TarScanner, type TarSummary } from '../../../server/image/tar.ts'
import { tar, tarEntry, withChecksum } from '../../support/squashfs.ts'

function scan(bytes: Buffer, chunkBytes = bytes.length || 1): TarSummary {
  const scanner = new TarScanner()
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.push(bytes.subarray(at, at + chunkBytes))
  return scanner.end()
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const length = Buffer.byteLength(rest) + 1
  return `${length + (String(length).length > 1 ? 1 : 0)}${rest}`
}

const PLAIN = tar([
  { name: 'etc/', type: '5', mtime: 30 },
  { name: 'etc/hostname', content: 'lab\n', mtime: 50 },
  { name: 'lib', type: '2', mtime: 20, sizeBytes: 9_999 },
  { name: 'big', content: Buffer.alloc(5000, 1), mtime: 40 }
])

t.test('entries and the newest time, wherever the stream is cut', async (t) => {
  for (const chunkBytes of [1, 7, 512, 513, 100_000]) {
    t.same(scan(PLAIN, chunkBytes), { entries: 4, newestMtime: 50 }, `chunks of ${chunkBytes}`)
  }
})

t.test('what follows the end is nothing', async (t) => {
  t.same(scan(Buffer.concat([PLAIN, Buffer.alloc(20_000, 'x')])).entries, 4)
})

t.test('a tar without its closing zeros is whole all the same', async (t) => {
  t.same(scan(PLAIN.subarray(0, -1024)).entries, 4)
})

t.test('cut off anywhere else it is not', async (t) => {
  for (const length of [100, 512 + 100, 1024 + 100, PLAIN.length - 1025]) {
    t.throws(() => scan(PLAIN.subarray(0, length)), MalformedTar, `${length} bytes`)
  }
})

t.test('what is no tar', async (t) => {
  t.throws(() => scan(Buffer.alloc(0)), { code: 'NOT_A_TAR', message: /empty/ })
  t.throws(() => scan(Buffer.alloc(10_240)), { code: 'NOT_A_TAR', message: /empty/ })
  t.throws(() => scan(Buffer.from('short')), { code: 'NOT_A_TAR', message: /short/ })
  t.throws(() => scan(Buffer.alloc(10_240, 'noise')), { code: 'NOT_A_TAR', message: /not a tar/ })
  const damaged = Buffer.from(PLAIN)
  damaged.write('X', 1536 + 1)
  t.throws(() => scan(damaged), MalformedTar)
})

t.test('extended headers overrule the next entry, and only that', async (t) => {
  const pax = paxRecord('mtime', '1700000000.75') + paxRecord('size', '600') + paxRecord('comment', 'ü')
  const entries = Buffer.concat([
    tarEntry({ name: 'PaxHeaders/big', type: 'x', content: pax, mtime: 1_900_000_000 }),
    tarEntry({ name: 'big', content: Buffer.alloc(600, 1), sizeBytes: 0, mtime: 5 }),
    tarEntry({ name: 'small', content: 'x', mtime: 7 }),
    Buffer.alloc(1024)
  ])
  for (const chunkBytes of [1, 600, entries.length]) {
    t.equal(scan(entries, chunkBytes).newestMtime, 1_700_000_000, `chunks of ${chunkBytes}`)
  }
})

t.test('extended headers that are damaged or endless', async (t) => {
  for (const content of ['no records', '5 a=b\n', '-3 a=b\n', '0 a=b\n']) {
    const bytes = tar([{ name: 'x', type: 'x', content: content.padEnd(20, 'x') }])
    t.throws(() => scan(bytes), MalformedTar, content)
  }
  const endless = tarEntry({ name: 'x', type: 'x', sizeBytes: 2 ** 30 })
  t.throws(() => scan(endless), { message: /more than 1 MiB/ })
})

t.test('numbers that octal digits have no room for', async (t) => {
  const header = tarEntry({ name: 'x' })
  Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0x6b, 0x49, 0xd2, 0x00]).copy(header, 136) // 1_800_000_000
  t.equal(scan(Buffer.concat([withChecksum(header), Buffer.alloc(1024)])).newestMtime, 1_800_000_000)
  header.fill(0xff, 136, 148) // before 1970
  t.equal(scan(Buffer.concat([withChecksum(header), Buffer.alloc(1024)])).newestMtime, 0)
})

t.test('what GNU tar writes, in each of its formats, with long names, links and holes', async (t) => {
  const dir = t.testdir()
  const long = join(dir, 'root', ...Array<string>(6).fill('a-directory-with-quite-a-long-name'))
  await mkdir(long, { recursive: true })
  await writeFile(join(long, 'file'), 'x'.repeat(3000))
  const holes = join(dir, 'root', 'holes')
  await writeFile(holes, 'start')
  for (let at = 1; at <= 30; at++) {
    await truncate(holes, at * 1_000_000)
    await writeFile(holes, 'here', { flag: 'a' })
  }
  await utimes(holes, 1_700_000_000, 1_700_000_000)
  for (const format of ['v7', 'ustar', 'gnu', 'oldgnu', 'posix']) {
    const name = format === 'v7' ? 'holes' : '.'
    const args = [
      '--create',
      `--format=${format}`,
      '--sparse',
      '--mtime=@1600000000',
      '--directory',
      join(dir, 'root'),
      name
    ]
    if (format === 'v7' || format === 'ustar') args.splice(2, 1)
    const { stdout } = spawnSync('tar', args, { maxBuffer: 2 ** 28 })
    t.equal(scan(stdout, 65_536).newestMtime, 1_600_000_000, format)
  }
})
