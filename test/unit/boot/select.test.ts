import t from 'tap'
import type { Group, Host } from '../../../server/boot/model.ts'
import { type Selection, select } from '../../../server/boot/select.ts'
import { client, group, host, inventoryOf } from '../../fakes/boot-world.ts'

const DEFAULT_GROUP = { unknownMachines: 'default-group', defaultGroup: 'default' } as const
const LOCAL = { unknownMachines: 'local', defaultGroup: 'default' } as const

interface Case {
  readonly hosts?: readonly Host[]
  readonly groups?: readonly Group[]
  readonly rules?: typeof DEFAULT_GROUP | typeof LOCAL
  readonly selected: Partial<Selection>
}

const CASES: Record<string, Case> = {
  "an unknown machine gets the default group's image": {
    groups: [group({ name: 'default', image: 'lab' })],
    selected: { boot: 'image', image: 'lab', ref: { channel: 'stable' } }
  },
  'an unknown machine boots locally where the rules say so': {
    groups: [group({ name: 'default', image: 'lab' })],
    rules: LOCAL,
    selected: { boot: 'local', group: undefined, image: undefined }
  },
  'a known machine is never treated as an unknown one': {
    hosts: [host({ image: 'lab' })],
    rules: LOCAL,
    selected: { boot: 'image', image: 'lab' }
  },
  'a host without a group belongs to the default group': {
    hosts: [host()],
    groups: [group({ name: 'default', image: 'lab' })],
    selected: { image: 'lab' }
  },
  'no default group is no image': { selected: { boot: 'image', image: undefined } },
  'a group that does not exist is named': {
    hosts: [host({ group: 'room-9' })],
    selected: { group: undefined, missingGroup: 'room-9' }
  },
  "the host's word wins": {
    hosts: [host({ group: 'room-1', loader: 'ipxe', transport: 'tftp', overlaySize: '2g' })],
    groups: [group({ loader: 'pxelinux', transport: 'http', overlaySize: '50%', image: 'lab' })],
    selected: { loader: 'ipxe', transport: 'tftp', overlaySize: '2g', image: 'lab' }
  },
  "the group's word counts where the host is silent": {
    hosts: [host({ group: 'room-1' })],
    groups: [group({ loader: 'grub', image: 'lab', channel: 'beta' })],
    selected: { loader: 'grub', image: 'lab', ref: { channel: 'beta' } }
  },
  'arguments add up, the host last': {
    hosts: [host({ group: 'room-1', arguments: ['host=1'] })],
    groups: [group({ arguments: ['group=1'] })],
    selected: { arguments: ['group=1', 'host=1'] }
  },
  "a host's channel is a channel of the group's image": {
    hosts: [host({ group: 'room-1', channel: 'canary' })],
    groups: [group({ image: 'lab', channel: 'stable' })],
    selected: { image: 'lab', ref: { channel: 'canary' } }
  },
  "a group's channel says nothing about the host's own image": {
    hosts: [host({ group: 'room-1', image: 'cad' })],
    groups: [group({ image: 'lab', channel: 'beta' })],
    selected: { image: 'cad', ref: { channel: 'stable' } }
  },
  "a group's channel stays when the host names the same image": {
    hosts: [host({ group: 'room-1', image: 'lab' })],
    groups: [group({ image: 'lab', channel: 'beta' })],
    selected: { image: 'lab', ref: { channel: 'beta' } }
  },
  "a host's pinned version goes before the group's channel": {
    hosts: [host({ group: 'room-1', version: '1.0' })],
    groups: [group({ image: 'lab', channel: 'beta' })],
    selected: { ref: { version: '1.0' } }
  },
  'a host leaves a group that boots an image for its own disk': {
    hosts: [host({ group: 'room-1', boot: 'local' })],
    groups: [group({ image: 'lab' })],
    selected: { boot: 'local' }
  },
  'a host that names an image boots it in a group that boots locally': {
    hosts: [host({ group: 'room-1', image: 'lab' })],
    groups: [group({ boot: 'local' })],
    selected: { boot: 'image', image: 'lab' }
  }
}

for (const [sentence, { hosts = [], groups = [], rules = DEFAULT_GROUP, selected }] of Object.entries(CASES)) {
  t.test(sentence, async (t) => {
    const found = select(client(), inventoryOf(hosts, groups), rules)
    t.same({ ...found, ...selected }, found)
  })
}

t.test('a client without a MAC is an unknown machine', async (t) => {
  const found = select(client({ mac: undefined }), inventoryOf([host({ image: 'lab' })]), DEFAULT_GROUP)
  t.equal(found.host, undefined)
  t.equal(found.image, undefined)
})
