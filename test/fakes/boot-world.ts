// Hosts, images and a journal's database in memory: what the boot decision is asked with in tests.
import { Boots, type BootsDeps } from '../../server/boot/boots.ts'
import type { BootStore } from '../../server/boot/journal.ts'
import type { Boot, BootEvent, Client, Group, Host, Images, Inventory, Version } from '../../server/boot/model.ts'
import type { BootRules } from '../../server/boot/plan.ts'
import type { Mac } from '../../server/net/mac.ts'
import { FakeClock } from './clock.ts'

export const MAC: Mac = '52:54:00:12:34:56'
export const SERVER = 0xc0a84d01 // 192.168.77.1
export const CLIENT = 0xc0a84d32 // 192.168.77.50

export const RULES: BootRules = { unknownMachines: 'default-group', defaultGroup: 'default', loaders: {} }

export const NETWORK = {
  netmask: 0xffffff00,
  router: SERVER,
  dns: [SERVER],
  ntp: [],
  hostname: 'pc-07'
}

export function host(settings: Partial<Host> = {}): Host {
  return { name: 'pc-07', mac: MAC, group: undefined, address: undefined, ...settings }
}

export function group(settings: Partial<Group> = {}): Group {
  return { name: 'room-1', ...settings }
}

export function version(settings: Partial<Version> = {}): Version {
  return {
    image: 'lab',
    version: '1.0',
    digest: `sha256:${'0'.repeat(64)}`,
    kernel: { digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 8_000_000 },
    initrd: { digest: `sha256:${'b'.repeat(64)}`, sizeBytes: 30_000_000 },
    layers: [
      { digest: `sha256:${'c'.repeat(64)}`, sizeBytes: 200_000_000 },
      { digest: `sha256:${'d'.repeat(64)}`, sizeBytes: 5_000_000 }
    ],
    arguments: ['quiet'],
    notes: '',
    publishedAt: '2026-01-01T00:00:00Z',
    ...settings
  }
}

export function client(facts: Partial<Client> = {}): Client {
  return { mac: MAC, address: CLIENT, arch: 'x86-bios', stage: 'firmware', uuid: undefined, ...facts }
}

export function inventoryOf(hosts: readonly Host[], groups: readonly Group[] = []): Inventory {
  return {
    host: (mac) => hosts.find((known) => known.mac === mac),
    group: (name) => groups.find((known) => known.name === name)
  }
}

/** Channels as `image/channel` to version. */
export function imagesOf(versions: readonly Version[], channels: Readonly<Record<string, string>> = {}): Images {
  return {
    resolve(image, ref) {
      const ofImage = versions.filter((known) => known.image === image)
      if (ofImage.length === 0) return 'IMAGE_NOT_FOUND'
      const wanted = 'version' in ref ? ref.version : channels[`${image}/${ref.channel}`]
      if (wanted === undefined) return 'CHANNEL_NOT_FOUND'
      return ofImage.find((known) => known.version === wanted) ?? 'VERSION_NOT_FOUND'
    }
  }
}

export class MemoryBootStore implements BootStore {
  readonly boots = new Map<string, Boot>()
  readonly journal: BootEvent[] = []

  async load(): Promise<readonly Boot[]> {
    return [...this.boots.values()].filter(({ state }) => state === 'booting' || state === 'running')
  }

  save(boot: Boot, event: BootEvent | undefined): void {
    this.boots.set(boot.id, boot)
    if (event !== undefined) this.journal.push(event)
  }

  async get(id: string): Promise<Boot | undefined> {
    return this.boots.get(id)
  }

  async list(): Promise<readonly Boot[]> {
    return [...this.boots.values()]
  }

  async events(bootId: string): Promise<readonly BootEvent[]> {
    return this.journal.filter((event) => event.bootId === bootId)
  }

  async flush(): Promise<void> {}
}

export const LOADER_NAMES = new Set([
  'ipxe/undionly.kpxe',
  'ipxe/ipxe.efi',
  'pxelinux/lpxelinux.0',
  'shimx64.efi',
  'grubx64.efi'
])

/** A journal with one host, one image and virtual time. Boot ids are boot0000000000001 and so on. */
export function bootWorld(settings: Partial<BootsDeps> & { readonly store?: MemoryBootStore } = {}) {
  const clock = new FakeClock()
  const store = settings.store ?? new MemoryBootStore()
  const channels: Record<string, string> = { 'lab/stable': '1.0' }
  const versions = [version(), version({ version: '2.0', digest: `sha256:${'1'.repeat(64)}` })]
  let boots = 0
  const deps: BootsDeps = {
    store,
    clock,
    newId: () => `boot${String(++boots).padStart(12, '0')}`,
    inventory: inventoryOf([host({ image: 'lab' })]),
    images: imagesOf(versions, channels),
    rules: RULES,
    loaders: LOADER_NAMES,
    kernelArgumentsOption: 224,
    ...settings,
    // Read at every use, for a face that learns its port when it listens.
    get httpPort() {
      return settings.httpPort ?? 80
    }
  }
  return { boots: new Boots(deps), clock, store, channels }
}
