import type { Entry } from 'squashfs-tools-ts'
import t from 'tap'
import { localDisks, mergeLayers, type RootFacts, rootWarnings } from '../../../server/image/lint-root.ts'

function entry(path: string, fields: Partial<Entry> = {}): Entry {
  const bare = { mode: 'rw-r--r--', uid: 0, gid: 0, sizeBytes: 0, device: undefined, target: undefined }
  return { ...bare, kind: 'file', path, ...fields }
}
const file = (path: string, sizeBytes = 10) => entry(path, { sizeBytes })
const directory = (path: string) => entry(path, { kind: 'directory' })
const whiteout = (path: string) => entry(path, { kind: 'character-device', device: [0, 0] })

const SOUND = [
  entry('sbin/init', { kind: 'symlink', target: '/lib/systemd/systemd' }),
  file('etc/machine-id', 0),
  file('etc/fstab', 0),
  directory('usr/lib/modules/6.1.0-30-amd64')
]

function warnings(facts: Partial<RootFacts>, texts: Readonly<Record<string, string>> = {}): Promise<string[]> {
  return rootWarnings({
    layers: [SOUND],
    kernelRelease: '6.1.0-30-amd64',
    readText: async ({ entry: { path }, layer }) => texts[`${layer}:${path}`] ?? '',
    ...facts
  })
}

t.test('a sound root', async (t) => {
  t.same(await warnings({}), [])
  t.same(await warnings({ kernelRelease: undefined, layers: [[file('usr/sbin/init')]] }), [])
})

t.test('a machine-id that thirty machines would share', async (t) => {
  const layers = [SOUND, [file('etc/machine-id', 33)]]
  t.match(await warnings({ layers }, { '1:etc/machine-id': '0123456789abcdef\n' }), [/machine-id is not empty/])
  t.same(await warnings({ layers }, { '1:etc/machine-id': 'uninitialized\n' }), [])
  t.same(await warnings({ layers: [...layers, [whiteout('etc/machine-id')]] }), [])
})

t.test('host keys, unless a layer above takes them away', async (t) => {
  const keys = [file('etc/ssh/ssh_host_rsa_key'), file('etc/ssh/ssh_host_rsa_key.pub')]
  t.match(await warnings({ layers: [[...SOUND, ...keys]] }), [/SSH host keys \(\/etc\/ssh\/ssh_host_rsa_key\)/])
  t.same(await warnings({ layers: [[...SOUND, ...keys], [whiteout('etc/ssh')]] }), [])
})

t.test('an fstab with disks', async (t) => {
  const layers = [[...SOUND, file('etc/fstab')]]
  t.match(await warnings({ layers }, { '0:etc/fstab': 'UUID=1 / ext4 defaults 0 1\n' }), [/local disks \(UUID=1\)/])
  t.same(await warnings({ layers }, { '0:etc/fstab': '# nothing\n' }), [])
})

t.test('modules of another kernel, or none', async (t) => {
  t.match(await warnings({ kernelRelease: '6.12.0' }), [/is 6\.12\.0 .*those of 6\.1\.0-30-amd64/])
  t.match(await warnings({ layers: [[file('sbin/init')]] }), [/it has none/])
})

t.test('layers upside down, and none with a system in it', async (t) => {
  t.match(await warnings({ layers: [[directory('usr/lib/modules/6.1.0-30-amd64')], SOUND] }), [/in layer 2/])
  t.match(await warnings({ layers: [[]], kernelRelease: undefined }), [/no \/sbin\/init/])
})

t.test('the upper layer shows', async (t) => {
  const merged = mergeLayers([
    [file('a', 1), file('b', 1), file('d/x')],
    [file('a', 2), whiteout('d')]
  ])
  t.same(
    [...merged].map(([path, { entry, layer }]) => [path, entry.sizeBytes, layer]),
    [
      ['a', 2, 1],
      ['b', 1, 0]
    ]
  )
})

t.test('disks in an fstab', async (t) => {
  const fstab = `
    # /dev/sda9 is only spoken of
    UUID=3e6be9de-8139-11d1-9106-a43f08d823a6 / ext4 errors=remount-ro 0 1
    /dev/sda2 none swap sw 0 0
    LABEL=data /data xfs defaults,nofail 0 2
    /dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0
    tmpfs /tmp tmpfs defaults 0 0
    server:/home /home nfs defaults 0 0
    /dev/zram0 none swap sw 0 0
    PARTUUID=ab-01 /boot/efi vfat umask=0077 0 1`
  t.same(localDisks(fstab), ['UUID=3e6be9de-8139-11d1-9106-a43f08d823a6', '/dev/sda2', 'PARTUUID=ab-01'])
  t.same(localDisks(''), [])
})
