import t from 'tap'
import type { Arch, ResourceRequest } from '../../../server/boot/model.ts'
import { createResolver, ServerAddressUnknown } from '../../../server/boot/names.ts'
import { bootWorld, CLIENT, client, host, inventoryOf, MAC, NETWORK, SERVER } from '../../fakes/boot-world.ts'

const FIRST = 'boot000000000001'
const DIGEST = `sha256:${'a'.repeat(64)}`
const FILE = { path: '/somewhere', sizeBytes: 7, modifiedAt: 1000 }
const UUID = '12345678-1234-1234-1234-123456789abc'

function resolver(settings: Parameters<typeof bootWorld>[0] = {}) {
  const world = bootWorld(settings)
  const loaders = new Map([
    ['shimx64.efi', FILE],
    ['pxelinux/ldlinux.c32', FILE],
    ['start4.elf', FILE]
  ])
  const resolve = createResolver({
    boots: world.boots,
    loaders,
    blob: async (digest) => (digest === DIGEST ? FILE : undefined)
  })
  const get = (name: string, facts: Partial<ResourceRequest> = {}) =>
    resolve({ name, query: {}, via: 'tftp', client: CLIENT, server: SERVER, ...facts })
  const read = async (name: string, facts: Partial<ResourceRequest> = {}) => {
    const found = await get(name, facts)
    return found?.kind === 'text' ? found.body.toString() : undefined
  }
  /** As DHCP makes a machine known. */
  const lease = (arch: Arch = 'x86-bios') => {
    world.boots.answer(client({ arch }), SERVER, NETWORK)
    world.boots.dhcpEvent({
      kind: 'ack',
      mac: MAC,
      address: CLIENT,
      stage: 'firmware',
      arch,
      uuid: undefined,
      detail: ''
    })
  }
  return { ...world, get, read, lease }
}

t.test('H4: a loader is a file, with the type by which UEFI HTTP boot knows a program', async (t) => {
  const { get } = resolver()
  t.same(await get('shimx64.efi'), { kind: 'file', ...FILE, digest: undefined, mediaType: 'application/efi' })
  t.match(await get('pxelinux/ldlinux.c32'), { kind: 'file', mediaType: 'application/octet-stream' })
})

t.test('a blob is a file that is named by its digest', async (t) => {
  const { get } = resolver()
  t.match(await get(`blobs/sha256/${'a'.repeat(64)}`), { kind: 'file', ...FILE, digest: DIGEST })
  t.equal(await get(`blobs/sha256/${'b'.repeat(64)}`), undefined)
})

t.test('a broken disk is not an absence', async (t) => {
  const { boots } = bootWorld()
  const blob = async () => {
    throw new Error('EIO')
  }
  const resolve = createResolver({ boots, loaders: new Map(), blob })
  const name = `blobs/sha256/${'a'.repeat(64)}`
  const request = { name, query: {}, via: 'http', client: CLIENT, server: SERVER } as const
  await t.rejects(async () => resolve(request), { message: 'EIO' })
})

t.test("a boot's layers are lines of digest, size and name, bottom first", async (t) => {
  const { read } = resolver()
  await read('boot.ipxe', { query: { mac: MAC } })
  const [c, d] = ['c'.repeat(64), 'd'.repeat(64)]
  t.equal(await read(`boots/${FIRST}/layers`), `${c} 200000000 blobs/sha256/${c}\n${d} 5000000 blobs/sha256/${d}\n`)
  t.equal(await read('boots/nobody/layers'), undefined)
})

t.test('iPXE that says who it is gets its script', async (t) => {
  const { read } = resolver()
  t.match(await read('boot.ipxe', { query: { mac: MAC, arch: 'i386', platform: 'pcbios' } }), 'lab 1.0 for pc-07')
})

t.test('iPXE that is known by its address gets its script without a word, by TFTP as well', async (t) => {
  const { read, lease } = resolver()
  lease()
  t.match(await read('boot.ipxe'), 'lab 1.0 for pc-07')
})

t.test('iPXE that nobody knows is asked who it is, once', async (t) => {
  const { read, boots } = resolver({ httpPort: 8080 })
  t.match(await read('boot.ipxe'), `chain --replace --autofree http://192.168.77.1:8080/boot.ipxe?mac=\${mac}&`)
  t.match(await read('boot.ipxe', { query: { mac: '' } }), 'the server can not tell which machine this is')
  t.equal(boots.latest(MAC), undefined)
})

t.test("iPXE's platform and architecture are the machine's, where DHCP did not tell", async (t) => {
  const cases: [platform: string, arch: string, is: string][] = [
    ['pcbios', 'i386', 'x86-bios'],
    ['pcbios', 'x86_64', 'x86-bios'],
    ['efi', 'x86_64', 'x64-uefi'],
    ['efi', 'arm64', 'arm64-uefi'],
    ['efi', 'constructor', 'unknown']
  ]
  for (const [platform, arch, is] of cases) {
    const { read, boots } = resolver()
    await read('boot.ipxe', { query: { mac: MAC, platform, arch } })
    t.equal(boots.latest(MAC)?.arch, is, `${platform} ${arch}`)
  }
})

t.test('PXELINUX that is known by its address is answered at its first question', async (t) => {
  const { read, lease } = resolver()
  lease()
  t.match(await read(`pxelinux/pxelinux.cfg/${UUID}`), /^SAY rootcast: lab 1\.0 for pc-07\nDEFAULT image\n/)
})

t.test('PXELINUX that is not known is answered by its MAC, and what it asks before is no boot', async (t) => {
  const { read, boots, store } = resolver()
  t.equal(await read(`pxelinux/pxelinux.cfg/${UUID}`), undefined)
  t.equal(boots.latest(MAC), undefined)
  t.same(store.journal, [])
  t.match(await read('pxelinux/pxelinux.cfg/01-52-54-00-12-34-56'), 'DEFAULT image')
  t.equal(boots.latest(MAC)?.id, FIRST)
})

t.test('names that PXELINUX tries after its MAC', async (t) => {
  const { read, lease } = resolver()
  t.equal(await read('pxelinux.cfg/C0A84D32'), undefined, 'an address that belongs to nobody')
  lease()
  t.match(await read('pxelinux.cfg/C0A84D32'), 'DEFAULT image', 'an address that DHCP gave')
  for (const key of ['C0A84D3', 'C0A84D', 'C0A8', 'C']) {
    t.match(await read(`pxelinux.cfg/${key}`), 'DEFAULT image', `${key} is the beginning of the asker's address`)
  }
  t.equal(await read('pxelinux.cfg/C0A84E'), undefined, 'another network is nobody')
  t.equal(await read('pxelinux.cfg/C0A84D3', { client: CLIENT + 0x100 }), undefined, 'nor is a stranger')
  t.match(await read('pxelinux.cfg/default'), 'DEFAULT image', 'the last question of a machine that is known')
  t.equal(await read('pxelinux.cfg/default-x86-generic'), undefined)
  t.equal(await read('pxelinux.cfg/01-not-a-mac'), undefined)
})

t.test(
  'P11: U-Boot is answered in its own dialect, at its MAC, and a name of its architecture is absent',
  async (t) => {
    const { read, lease, boots } = resolver()
    t.equal(await read('pxelinux.cfg/default-arm-qemu-arm'), undefined)
    t.equal(await read('pxelinux.cfg/default-arm'), undefined)
    lease('u-boot')
    t.match(await read('pxelinux.cfg/01-52-54-00-12-34-56'), /^ {2}MENU LABEL rootcast: lab 1\.0 for pc-07$/m)
    t.match(boots.latest(MAC), { arch: 'u-boot', version: '1.0' })
  }
)

t.test('the last question of a machine that is not known is answered in words', async (t) => {
  const { read } = resolver()
  t.match(await read('pxelinux.cfg/default'), 'SAY rootcast: the server can not tell which machine this is')
})

t.test('GRUB that is known by its address gets its configuration', async (t) => {
  const { read, lease } = resolver()
  lease()
  t.match(await read('grub/grub.cfg'), /^echo 'rootcast: lab 1\.0 for pc-07'\n/)
  t.match(await read('grub/grub.cfg-C0A84D32'), 'lab 1.0')
  t.match(await read('grub/grub.cfg-C0A84D'), 'lab 1.0')
  t.equal(await read('grub/grub.cfg-C0A84E'), undefined)
})

t.test('GRUB that is not known says its MAC, with colons, and is answered by it', async (t) => {
  const { read, boots } = resolver()
  t.equal(await read('grub/grub.cfg'), `configfile "/grub/grub.cfg-01-\${net_default_mac}"\n`)
  t.equal(boots.latest(MAC), undefined)
  t.match(await read('grub/grub.cfg-01-52:54:00:12:34:56'), 'lab 1.0 for pc-07')
})

t.test('the MAC in a name goes before the address that asks', async (t) => {
  const other = '52:54:00:00:00:02'
  const hosts = [host({ image: 'lab' }), host({ mac: other, name: 'pc-08', image: 'lab' })]
  const { read, lease } = resolver({ inventory: inventoryOf(hosts) })
  lease()
  t.match(await read('pxelinux.cfg/01-52-54-00-00-00-02'), 'for pc-08')
})

t.test("a Raspberry Pi's files are there, below its serial number, its MAC or nothing", async (t) => {
  const { get, read, lease } = resolver({ loaders: new Set(['start4.elf']) })
  lease('raspberry-pi')
  for (const prefix of ['d83adda1/', '52-54-00-12-34-56/', '']) {
    t.match(await get(`${prefix}start4.elf`), { kind: 'file', ...FILE }, prefix)
    t.match(await read(`${prefix}config.txt`), /^arm_64bit=1\n/)
    t.match(
      await read(`${prefix}cmdline.txt`),
      /^BOOT=overlay overlay\.layers=http:\/\/192\.168\.77\.1\/boots\/boot0+1\/.* quiet\n$/
    )
    t.match(await get(`${prefix}kernel8.img`), { kind: 'file', ...FILE, digest: DIGEST })
    t.equal(await get(`${prefix}initrd.img`), undefined, 'its blob is not on this disk')
  }
  for (const name of [
    'recovery.elf',
    'bootcode.bin',
    'overlays/overlay_map.dtb',
    'kernel.img',
    'elsewhere/start4.elf'
  ]) {
    t.equal(await get(name), undefined, name)
    t.equal(await get(`d83adda1/${name}`), undefined, name)
  }
})

t.test(
  'a Raspberry Pi that reads its texts again while it loads is in the same boot, whatever a channel does',
  async (t) => {
    const { read, lease, boots, channels } = resolver({ loaders: new Set(['start4.elf']) })
    lease('raspberry-pi')
    const line = await read('cmdline.txt')
    channels['lab/stable'] = '2.0'
    const done = {
      client: CLIENT,
      outcome: 'ok',
      doneBytes: 9,
      sentBytes: 9,
      totalBytes: 9,
      durationMs: 1,
      reason: undefined
    } as const
    for (const name of ['kernel8.img', 'd83adda1/initrd.img']) {
      boots.transfer({ name, via: 'tftp', ...done })
      t.equal(await read('cmdline.txt'), line, name)
    }
    boots.checkIn(FIRST, 'arguments ok')
    await read('config.txt')
    t.match(boots.latest(MAC), { id: 'boot000000000002', version: '2.0' }, 'the next boot')
  }
)

t.test('a Raspberry Pi that DHCP of ours never saw is known by its MAC alone', async (t) => {
  const { read, boots } = resolver({ loaders: new Set(['start4.elf']) })
  t.equal(await read('d83adda1/config.txt'), undefined)
  t.equal(boots.latest(MAC), undefined)
  t.match(await read('52-54-00-12-34-56/config.txt'), 'kernel=kernel8.img')
  t.match(boots.latest(MAC), { arch: 'raspberry-pi', version: '1.0' })
})

t.test('a Raspberry Pi that may boot nothing finds nothing to boot', async (t) => {
  const { get, lease } = resolver({ loaders: new Set(['start4.elf']), inventory: inventoryOf([]) })
  lease('raspberry-pi')
  for (const name of ['config.txt', 'cmdline.txt', 'kernel8.img', 'initrd.img'])
    t.equal(await get(name), undefined, name)
})

t.test('a config.txt for another machine than a Raspberry Pi is not there', async (t) => {
  const { get, lease, boots } = resolver()
  lease()
  t.equal(await get('config.txt'), undefined)
  t.equal(await get('52-54-00-12-34-56/cmdline.txt'), undefined)
  t.equal(boots.latest(MAC)?.version, undefined, 'and its boot has not begun with it')
})

t.test('what GRUB, shim and U-Boot ask for besides is not there, and quickly said so', async (t) => {
  const { get, store } = resolver()
  for (const name of ['revocations.efi', 'grub/x86_64-efi/grub.cfg', 'grub/fonts/unicode.pf2', 'boot.scr.uimg', '']) {
    t.equal(await get(name), undefined, name)
  }
  t.same(store.journal, [])
})

t.test('a script can not be made without the address that was asked', async (t) => {
  const { get } = resolver()
  await t.rejects(async () => get('boot.ipxe', { server: undefined }), ServerAddressUnknown)
})
