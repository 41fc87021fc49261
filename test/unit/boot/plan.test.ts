import t from 'tap'
import type { BootPlan, Client, Group, Host } from '../../../server/boot/model.ts'
import { type BootFacts, planFor } from '../../../server/boot/plan.ts'
import { client, group, host, imagesOf, inventoryOf, LOADER_NAMES, RULES, version } from '../../fakes/boot-world.ts'

function facts(hosts: readonly Host[], groups: readonly Group[] = []): BootFacts {
  const images = imagesOf([version(), version({ version: '2.0' })], {
    'lab/stable': '1.0',
    'lab/beta': '2.0',
    'lab/broken': '0.9'
  })
  return { inventory: inventoryOf(hosts, groups), images, rules: RULES, loaders: LOADER_NAMES }
}

t.test("a host boots its image's stable version, with all the arguments in their order", async (t) => {
  const machine = host({ image: 'lab', group: 'room-1', arguments: ['host=1'] })
  const room = group({ arguments: ['group=1'] })
  t.same(planFor(client(), facts([machine], [room])), {
    kind: 'image',
    host: machine,
    group: room,
    loader: 'ipxe',
    version: version(),
    channel: 'stable',
    rootMode: 'ram',
    transport: 'http',
    overlaySize: undefined,
    arguments: ['quiet', 'group=1', 'host=1']
  })
})

t.test('a pinned version has no channel', async (t) => {
  const plan = planFor(client(), facts([host({ image: 'lab', version: '2.0' })]))
  t.match(plan, { kind: 'image', version: { version: '2.0' }, channel: undefined })
})

t.test('a local plan asks for no image', async (t) => {
  t.match(planFor(client(), facts([host({ boot: 'local', image: 'gone' })])), { kind: 'local' })
})

interface Refusal {
  readonly hosts?: readonly Host[]
  readonly client?: Partial<Client>
  readonly code: Extract<BootPlan, { kind: 'refused' }>['code']
  readonly message: string
}

const REFUSALS: Record<string, Refusal> = {
  'nobody gave an unknown machine an image': {
    code: 'NO_IMAGE_ASSIGNED',
    message: 'no image is assigned to host 52:54:00:12:34:56; ask your administrator'
  },
  'nobody gave a known machine an image': {
    hosts: [host()],
    code: 'NO_IMAGE_ASSIGNED',
    message: 'no image is assigned to host pc-07; ask your administrator'
  },
  'a client without a MAC': {
    client: { mac: undefined },
    code: 'NO_IMAGE_ASSIGNED',
    message: 'no image is assigned to host without a MAC address; ask your administrator'
  },
  'an image that was never published': {
    hosts: [host({ image: 'cad' })],
    code: 'IMAGE_NOT_FOUND',
    message: 'there is no image cad; ask your administrator'
  },
  'a channel that does not exist': {
    hosts: [host({ image: 'lab', channel: 'nightly' })],
    code: 'CHANNEL_NOT_FOUND',
    message: 'image lab has no channel nightly; ask your administrator'
  },
  'a version that does not exist': {
    hosts: [host({ image: 'lab', version: '3.0' })],
    code: 'VERSION_NOT_FOUND',
    message: 'image lab has no version 3.0; ask your administrator'
  },
  'a channel whose version is gone': {
    hosts: [host({ image: 'lab', channel: 'broken' })],
    code: 'VERSION_NOT_FOUND',
    message: 'channel broken of image lab names a version that is gone; ask your administrator'
  },
  'a group that does not exist': {
    hosts: [host({ group: 'room-9' })],
    code: 'GROUP_NOT_FOUND',
    message: 'pc-07 is in group room-9, which does not exist; ask your administrator'
  },
  'an architecture that nothing boots': {
    hosts: [host({ image: 'lab' })],
    client: { arch: 'arm32-uefi' },
    code: 'ARCH_NOT_SUPPORTED',
    message: 'there is no network loader for 32-bit ARM UEFI machines; ask your administrator'
  },
  'a Raspberry Pi whose firmware is not installed': {
    hosts: [host({ image: 'lab' })],
    client: { arch: 'raspberry-pi' },
    code: 'ARCH_NOT_SUPPORTED',
    message:
      "the loader start4.elf for a Raspberry Pi is not installed: it comes with Debian's package raspi-firmware (in non-free-firmware); ask your administrator"
  },
  'a loader that is not installed': {
    hosts: [host({ image: 'lab' })],
    client: { arch: 'arm64-uefi' },
    code: 'ARCH_NOT_SUPPORTED',
    message: 'the loader shimaa64.efi for ARM64 UEFI machines is not installed; ask your administrator'
  },
  'an argument that a loader would take apart': {
    hosts: [host({ image: 'lab', arguments: ['a="b'] })],
    code: 'ARGUMENT_NOT_POSSIBLE',
    message:
      'the kernel argument "a=\\"b" can\'t be used: it holds a quote or a backslash, which GRUB passes on changed; ask your administrator'
  },
  'an overlay size that is none': {
    hosts: [host({ image: 'lab', overlaySize: '2g init=/bin/sh' })],
    code: 'ARGUMENT_NOT_POSSIBLE',
    message:
      'the kernel argument "overlay.size=2g init=/bin/sh" can\'t be used: a size is written like 50%, 800m or 2g; ask your administrator'
  },
  'arguments that the kernel would cut': {
    hosts: [host({ image: 'lab', arguments: ['x'.repeat(900), 'y'.repeat(900)] })],
    code: 'ARGUMENT_NOT_POSSIBLE',
    message: 'the kernel arguments are 1807 bytes long, and only 1500 fit; ask your administrator'
  }
}

for (const [sentence, refusal] of Object.entries(REFUSALS)) {
  t.test(`refused: ${sentence}`, async (t) => {
    const plan = planFor(client(refusal.client), facts(refusal.hosts ?? []))
    t.match(plan, { kind: 'refused', code: refusal.code, message: refusal.message })
  })
}

t.test('a Raspberry Pi whose firmware is installed boots an image by it', async (t) => {
  const room = { ...facts([host({ image: 'lab', loader: 'pxelinux' })]), loaders: new Set(['start4.elf']) }
  t.match(planFor(client({ arch: 'raspberry-pi' }), room), { kind: 'image', loader: 'raspberry-pi' })
})

t.test('an iPXE that runs already needs no loader file', async (t) => {
  const plan = planFor(client({ arch: 'arm64-uefi', stage: 'ipxe' }), facts([host({ image: 'lab' })]))
  t.match(plan, { kind: 'image', loader: 'ipxe' })
})
