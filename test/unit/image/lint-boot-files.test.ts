import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { identifyKernel, initrdWarnings, kernelWarnings, readHead } from '../../../server/image/lint-boot-files.ts'

/** The fields of Documentation/arch/x86/boot.rst that are looked at. */
function bzImage(release: string): Buffer {
  const head = Buffer.alloc(0x4000)
  head.write('MZ', 0)
  head.writeUInt16LE(0xaa55, 0x1fe)
  head.write('HdrS', 0x202)
  head.writeUInt16LE(0x3000 - 0x200, 0x20e)
  head.write(`${release} (debian-kernel@lists.debian.org) #1 SMP\0`, 0x3000, 'latin1')
  return head
}

t.test('a bzImage says which kernel it is', async (t) => {
  t.same(identifyKernel(bzImage('6.1.0-30-amd64')), { format: 'bzImage', release: '6.1.0-30-amd64' })
  const silent = bzImage('x')
  silent.writeUInt16LE(0, 0x20e)
  t.same(identifyKernel(silent), { format: 'bzImage', release: undefined })
  const pointing = bzImage('x').subarray(0, 0x1000)
  t.same(identifyKernel(pointing), { format: 'bzImage', release: undefined })
})

t.test('other kernels, and what is none', async (t) => {
  t.equal(identifyKernel(Buffer.from('MZ\0\0')).format, 'efi-stub')
  t.equal(identifyKernel(Buffer.from([0x1f, 0x8b, 8, 0])).format, 'gzip')
  for (const head of ['', 'M', '070701', 'hsqs', '#!/bin/sh']) {
    t.same(kernelWarnings(identifyKernel(Buffer.from(head))).length, 1, head)
  }
  t.same(kernelWarnings(identifyKernel(bzImage('6.1'))), [])
})

t.test('initrds, however compressed', async (t) => {
  for (const hex of [
    '303730373031',
    '1f8b08',
    '28b52ffd',
    'fd377a585a00',
    '02214c18',
    '425a68',
    '5d0000',
    '894c5a4f'
  ]) {
    t.same(initrdWarnings(Buffer.from(hex, 'hex')), [], hex)
  }
  t.match(initrdWarnings(Buffer.from('MZ')), [/initrd: neither a cpio/])
  t.match(initrdWarnings(Buffer.alloc(0)), [/initrd/])
})

t.test('the head of a file, short or long', async (t) => {
  const dir = t.testdir({ short: 'MZ' })
  t.equal((await readHead(join(dir, 'short'))).toString(), 'MZ')
  await writeFile(join(dir, 'long'), Buffer.alloc(100_000))
  t.equal((await readHead(join(dir, 'long'))).length, 65_536)
})
