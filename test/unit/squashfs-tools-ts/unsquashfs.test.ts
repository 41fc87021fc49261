import { existsSync } from 'node:fs'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { mksquashfs } from '../../../server/squashfs-tools-ts/mksquashfs.ts'
import { cat, extract, list, parseLine } from '../../../server/squashfs-tools-ts/unsquashfs.ts'
import { layer, tar } from '../../support/squashfs.ts'

async function image(dir: string): Promise<string> {
  const path = join(dir, 'image')
  const source = Readable.from([
    tar([
      { name: 'etc/', type: '5' },
      { name: 'etc/hostname', content: 'lab\n' },
      { name: 'etc/with a blank', content: 'x' },
      { name: 'usr/lib/modules/6.1.0/kernel/driver.ko', content: 'x' }
    ])
  ])
  await mksquashfs({ source, destination: path, allTime: 0 })
  return path
}

t.test('lines as unsquashfs 4.5 writes them', async (t) => {
  const entry = { mode: 'rw-r--r--', uid: 0, gid: 5, sizeBytes: 0, device: undefined, target: undefined }
  const at = '2026-11-21 01:18'
  t.same(parseLine(`-rw-r--r-- 0/5                3000000 ${at} squashfs-root/a b`), {
    ...{ ...entry, kind: 'file', path: 'a b', sizeBytes: 3_000_000 }
  })
  t.same(parseLine(`drw-r--r-- 0/5                     73 ${at} squashfs-root`), {
    ...{ ...entry, kind: 'directory', path: '', sizeBytes: 73 }
  })
  t.same(parseLine(`lrw-r--r-- 0/5                      3 ${at} squashfs-root/lib -> usr/lib`), {
    ...{ ...entry, kind: 'symlink', path: 'lib', sizeBytes: 3, target: 'usr/lib' }
  })
  t.same(parseLine(`crw-r--r-- 0/5                 1,  3 ${at} squashfs-root/null`), {
    ...{ ...entry, kind: 'character-device', path: 'null', device: [1, 3] }
  })
  t.equal(parseLine('Parallel unsquashfs: Using 2 processors'), undefined)
})

t.test('list: all, some, and not too deep', async (t) => {
  const file = await image(t.testdir())
  const paths = async (options: Parameters<typeof list>[1]) => (await list(file, options)).map(({ path }) => path)
  t.match(await paths({}), ['', 'etc', 'etc/hostname', 'etc/with a blank', 'usr', 'usr/lib'])
  t.same(await paths({ paths: ['etc/host*', 'not/there'] }), ['', 'etc', 'etc/hostname'])
  t.same((await paths({ paths: ['usr/lib/modules'], maxDepth: 4 })).at(-1), 'usr/lib/modules/6.1.0')
})

t.test('cat: one file, bounded', async (t) => {
  const file = await image(t.testdir())
  t.equal((await cat(file, 'etc/hostname')).toString(), 'lab\n')
  t.equal((await cat(file, 'etc/with a blank')).toString(), 'x')
  await t.rejects(cat(file, 'etc/hostname', { maxBytes: 3 }), RangeError)
  await t.rejects(cat(file, 'etc/none'), { code: 'TOOL_FAILED', message: /no matches/ })
})

t.test('extract: all or some', async (t) => {
  const dir = t.testdir()
  const file = await image(dir)
  await extract(file, join(dir, 'out'), { paths: ['etc'], processors: 1 })
  t.equal(await readFile(join(dir, 'out', 'etc', 'hostname'), 'utf8'), 'lab\n')
  t.notOk(existsSync(join(dir, 'out', 'usr')))
})

t.test('what only begins like a squashfs', async (t) => {
  const dir = t.testdir()
  await writeFile(join(dir, 'image'), layer('x'.repeat(5000)))
  await t.rejects(list(join(dir, 'image')), { code: 'TOOL_FAILED', tool: 'unsquashfs' })
  await symlink('nowhere', join(dir, 'dangling'))
  await t.rejects(list(join(dir, 'dangling')), { code: 'TOOL_FAILED' })
})
