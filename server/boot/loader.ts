// Which network boot program an architecture can run, and by which name it is served.
import type { Arch, KernelLoader, Loader, Stage } from './model.ts'
import { PI_LOADER } from './raspberry-pi.ts'

/** The loader for an architecture where neither host nor group chose one. */
export type LoaderDefaults = Readonly<Partial<Record<Arch, Loader>>>

export const IPXE_SCRIPT = 'boot.ipxe'

/** In place of a name: the firmware needs no loader of ours. */
export const OWN_FIRMWARE = ''

interface ArchLoaders {
  /** In plain words, for a screen. */
  readonly words: string
  /** First of all: what runs when nothing was chosen. */
  readonly files: readonly (readonly [KernelLoader, string])[]
  /** Where they come from, for machines whose loader setup doesn't install. */
  readonly package?: string
}

// UEFI: DHCP can't tell whether Secure Boot is enforced, and the signed chain (shim, then GRUB) boots both kinds.
const LOADERS_BY_ARCH: Readonly<Record<Arch, ArchLoaders>> = {
  'x86-bios': {
    words: 'BIOS machines',
    files: [
      ['ipxe', 'ipxe/undionly.kpxe'],
      ['pxelinux', 'pxelinux/lpxelinux.0']
    ]
  },
  'x64-uefi': {
    words: '64-bit UEFI machines',
    files: [
      ['grub', 'shimx64.efi'],
      ['ipxe', 'ipxe/ipxe.efi']
    ]
  },
  'x86-uefi': { words: '32-bit UEFI machines', files: [['grub', 'shimia32.efi']] },
  'arm64-uefi': { words: 'ARM64 UEFI machines', files: [['grub', 'shimaa64.efi']] },
  'arm32-uefi': { words: '32-bit ARM UEFI machines', files: [] },
  'u-boot': { words: 'U-Boot', files: [['u-boot', OWN_FIRMWARE]] },
  'raspberry-pi': {
    words: 'a Raspberry Pi',
    files: [['raspberry-pi', PI_LOADER]],
    package: "Debian's package raspi-firmware (in non-free-firmware)"
  },
  unknown: { words: 'machines of this kind', files: [] }
}

export function archInWords(arch: Arch): string {
  return LOADERS_BY_ARCH[arch].words
}

/** The package that brings this architecture's loader, in words; undefined where the loader's name says enough. */
export function loaderPackage(arch: Arch): string | undefined {
  return LOADERS_BY_ARCH[arch].package
}

/**
 * The loader that this client is to run: the chosen one if its architecture can run it, else the architecture's own.
 * An iPXE that asks is already there, so only a host's or a group's word calls for another one.
 */
export function loaderFor(
  client: { readonly arch: Arch; readonly stage: Stage },
  chosen: Loader | undefined,
  defaults: LoaderDefaults
): KernelLoader {
  if (chosen !== undefined && (loaderFile(client.arch, chosen) !== undefined || isRunning(client.stage, chosen))) {
    return chosen
  }
  if (client.stage === 'ipxe') return 'ipxe'
  // Debian 12's signed GRUB has no http module: loaded by UEFI HTTP boot, it stops at its prompt.
  if (client.stage === 'http-boot' && loaderFile(client.arch, 'ipxe') !== undefined) return 'ipxe'
  const preferred = defaults[client.arch]
  if (preferred !== undefined && loaderFile(client.arch, preferred) !== undefined) return preferred
  return LOADERS_BY_ARCH[client.arch].files[0]?.[0] ?? 'ipxe'
}

/** The name that the loader is served by, or OWN_FIRMWARE; undefined where no such loader exists. */
export function loaderFile(arch: Arch, loader: KernelLoader): string | undefined {
  return LOADERS_BY_ARCH[arch].files.find(([name]) => name === loader)?.[1]
}

function isRunning(stage: Stage, loader: Loader): boolean {
  return stage === 'ipxe' && loader === 'ipxe'
}
