// The root of a version, as far as a few directories of its layers tell. Pure but for the two questions it asks.
import type { Entry } from 'squashfs-tools-ts'

/** What is looked at; nothing else of a layer is read. */
export const PLACES = [
  'etc/machine-id',
  'etc/fstab',
  'etc/ssh/ssh_host_*',
  'sbin/init',
  'usr/sbin/init',
  'usr/lib/systemd/systemd',
  'lib/systemd/systemd',
  'usr/lib/modules',
  'lib/modules'
] as const
/** `usr/lib/modules/<release>`, and none of the thousands of files below. */
export const DEPTH = 4

/** One path of the merged root, and the layer that it shows through from; 0 is the bottom. */
export interface Merged {
  readonly entry: Entry
  readonly layer: number
}

/** Pure: what overlayfs makes of these layers, bottom first. A character device 0, 0 hides what is below it. */
export function mergeLayers(layers: readonly (readonly Entry[])[]): ReadonlyMap<string, Merged> {
  const merged = new Map<string, Merged>()
  layers.forEach((entries, layer) => {
    for (const entry of entries) {
      if (!isWhiteout(entry)) merged.set(entry.path, { entry, layer })
      else for (const path of merged.keys()) if (isWithin(path, entry.path)) merged.delete(path)
    }
  })
  return merged
}

export interface RootFacts {
  /** Bottom first. */
  readonly layers: readonly (readonly Entry[])[]
  /** As `uname -r` says it; undefined when the kernel doesn't tell. */
  readonly kernelRelease: string | undefined
  /** A small text file of the merged root. */
  readonly readText: (file: Merged) => Promise<string>
}

export async function rootWarnings({ layers, kernelRelease, readText }: RootFacts): Promise<string[]> {
  const root = mergeLayers(layers)
  return [
    ...orderWarnings(layers, root),
    ...(await machineIdWarnings(root, readText)),
    ...hostKeyWarnings(root),
    ...(await fstabWarnings(root, readText)),
    ...moduleWarnings(root, kernelRelease)
  ]
}

function orderWarnings(layers: RootFacts['layers'], root: ReadonlyMap<string, Merged>): string[] {
  const inits = ['sbin/init', 'usr/sbin/init', 'usr/lib/systemd/systemd', 'lib/systemd/systemd']
  const init = inits.map((path) => root.get(path)).find((found) => found !== undefined)
  if (!init) return ['root: there is no /sbin/init in any layer; the machine would stop after the initramfs']
  const systemLayer = layers.findIndex((entries) => entries.some(({ path }) => inits.includes(path)))
  return systemLayer === 0
    ? []
    : [`layers: the system is in layer ${systemLayer + 1}, above others; layers are sent bottom first`]
}

async function machineIdWarnings(
  root: ReadonlyMap<string, Merged>,
  readText: RootFacts['readText']
): Promise<string[]> {
  const file = root.get('etc/machine-id')
  if (file?.entry.kind !== 'file' || file.entry.sizeBytes === 0) return []
  // systemd's own word for a machine that hasn't started yet (machine-id(5)).
  if ((await readText(file)).trim() === 'uninitialized') return []
  return ['root: /etc/machine-id is not empty; every machine would have the same one']
}

function hostKeyWarnings(root: ReadonlyMap<string, Merged>): string[] {
  const keys = [...root.keys()].filter((path) => /^etc\/ssh\/ssh_host_\w+_key$/.test(path))
  return keys.length === 0
    ? []
    : [
        `root: it holds SSH host keys (/${keys.join(', /')}); every machine would share them, and anybody can fetch them`
      ]
}

async function fstabWarnings(root: ReadonlyMap<string, Merged>, readText: RootFacts['readText']): Promise<string[]> {
  const file = root.get('etc/fstab')
  if (file?.entry.kind !== 'file' || file.entry.sizeBytes === 0) return []
  const disks = localDisks(await readText(file))
  return disks.length === 0
    ? []
    : [`root: /etc/fstab names local disks (${disks.join(', ')}); a machine without them waits 90 s for each`]
}

/** Pure: the devices in an fstab that a diskless machine won't have (fstab(5)). */
export function localDisks(fstab: string): string[] {
  return fstab
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([device = '', , , options = '']) => isDisk(device) && !/\b(noauto|nofail)\b/.test(options))
    .map(([device = '']) => device)
}

function isDisk(device: string): boolean {
  return /^(?:UUID|LABEL|PARTUUID|PARTLABEL|ID)=|^\/dev\/(?!loop|ram|zram|nbd|fuse|shm)/.test(device)
}

function moduleWarnings(root: ReadonlyMap<string, Merged>, kernelRelease: string | undefined): string[] {
  if (kernelRelease === undefined) return []
  const releases = [...root.values()]
    .filter(({ entry }) => entry.kind === 'directory')
    .map(({ entry }) => /^(?:usr\/)?lib\/modules\/([^/]+)$/.exec(entry.path)?.[1])
    .filter((release) => release !== undefined)
  if (releases.includes(kernelRelease)) return []
  const found = releases.length === 0 ? 'none' : `those of ${releases.join(', ')}`
  return [`root: the kernel is ${kernelRelease} and the root has no modules for it (it has ${found})`]
}

function isWhiteout({ kind, device }: Entry): boolean {
  return kind === 'character-device' && device?.[0] === 0 && device[1] === 0
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}
