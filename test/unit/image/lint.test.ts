import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as tools from 'squashfs-tools-ts'
import t from 'tap'
import { lint } from '../../../server/image/lint.ts'
import { layer, tar } from '../../support/squashfs.ts'

async function files(dir: string) {
  const paths = {
    kernel: join(dir, 'kernel'),
    initrd: join(dir, 'initrd'),
    layers: [join(dir, 'bottom'), join(dir, 'top')]
  }
  await writeFile(paths.kernel, 'MZ')
  await writeFile(paths.initrd, '070701')
  const system = tar([
    { name: 'usr/sbin/init', content: 'x' },
    { name: 'etc/machine-id', content: '0123456789abcdef\n' },
    { name: 'etc/ssh/ssh_host_ed25519_key', content: 'secret' }
  ])
  const change = tar([
    { name: 'etc/machine-id', content: 'uninitialized\n' },
    { name: 'etc/fstab', content: '/dev/sda1 / ext4 defaults 0 1\n' }
  ])
  await tools.mksquashfs({ source: Readable.from([system]), destination: join(dir, 'bottom') })
  await tools.mksquashfs({ source: Readable.from([change]), destination: join(dir, 'top') })
  return paths
}

t.test('two real layers, looked at as one root', async (t) => {
  t.match(await lint(await files(t.testdir()), tools), [/SSH host keys/, /fstab names local disks \(\/dev\/sda1\)/])
})

t.test('boot files come first', async (t) => {
  const paths = await files(t.testdir())
  const found = await lint({ ...paths, kernel: paths.initrd, initrd: paths.kernel }, tools)
  t.match(found.slice(0, 2), [/^kernel:/, /^initrd:/])
})

t.test('without unsquashfs the root is not looked at, and nobody is troubled', async (t) => {
  const list = async () => {
    throw new tools.ToolMissing('unsquashfs')
  }
  t.same(await lint(await files(t.testdir()), { ...tools, list }), [])
})

t.test('a layer that cannot be read is a remark', async (t) => {
  const paths = await files(t.testdir())
  await writeFile(paths.layers[1] ?? '', layer('no file system'))
  t.match(await lint(paths, tools), [/could not be looked into/])
})
