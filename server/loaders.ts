// Debian's network boot programs, as the packages install them. Nothing of them is shipped with rootcast.
import { stat } from 'node:fs/promises'
import type { LoaderFile } from './boot/names.ts'
import { PI_DEVICE_TREES, PI_FIRMWARE } from './boot/raspberry-pi.ts'

/** A loader file: the name that it is served by, where Debian keeps it, and in which package. */
export interface LoaderSource {
  readonly name: string
  readonly path: string
  readonly package: string
  /** The loaders of other machines than PCs are there when somebody installed them. */
  readonly optional: boolean
}

const SYSLINUX = '/usr/lib/syslinux/modules/bios'

export const LOADER_SOURCES: readonly LoaderSource[] = [
  needed('ipxe/undionly.kpxe', '/usr/lib/ipxe/undionly.kpxe', 'ipxe'),
  needed('ipxe/ipxe.efi', '/usr/lib/ipxe/ipxe.efi', 'ipxe'),
  needed('ipxe/snponly.efi', '/usr/lib/ipxe/snponly.efi', 'ipxe'),
  needed('pxelinux/lpxelinux.0', '/usr/lib/PXELINUX/lpxelinux.0', 'pxelinux'),
  needed('pxelinux/pxelinux.0', '/usr/lib/PXELINUX/pxelinux.0', 'pxelinux'),
  ...['ldlinux.c32', 'libcom32.c32', 'libutil.c32', 'reboot.c32'].map((file) =>
    needed(`pxelinux/${file}`, `${SYSLINUX}/${file}`, 'syslinux-common')
  ),
  needed('shimx64.efi', '/usr/lib/shim/shimx64.efi.signed', 'shim-signed'),
  // Shim asks for its second stage by this name, in the directory that it came from.
  needed('grubx64.efi', '/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed', 'grub-efi-amd64-signed'),
  needed('mmx64.efi', '/usr/lib/shim/mmx64.efi.signed', 'shim-helpers-amd64-signed'),
  optional('shimia32.efi', '/usr/lib/shim/shimia32.efi.signed', 'shim-signed:i386'),
  optional('grubia32.efi', '/usr/lib/grub/i386-efi-signed/grubnetia32.efi.signed', 'grub-efi-ia32-signed:i386'),
  optional('shimaa64.efi', '/usr/lib/shim/shimaa64.efi.signed', 'shim-signed:arm64'),
  optional('grubaa64.efi', '/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed', 'grub-efi-arm64-signed:arm64'),
  // Of non-free-firmware. It has no device trees: an administrator may put those of the image's kernel beside it.
  ...[...PI_FIRMWARE, ...PI_DEVICE_TREES].map((file) =>
    optional(file, `/usr/lib/raspi-firmware/${file}`, 'raspi-firmware')
  )
]

export interface FoundLoaders {
  /** By the name that they are served by. */
  readonly files: ReadonlyMap<string, LoaderFile>
  /** Debian packages that would bring what a PC needs and what is not there. */
  readonly missingPackages: readonly string[]
}

/** Rejects when a file is there and can't be looked at: that is no absence. */
export async function findLoaders(sources: readonly LoaderSource[] = LOADER_SOURCES): Promise<FoundLoaders> {
  const files = new Map<string, LoaderFile>()
  const missing = new Set<string>()
  for (const source of sources) {
    const file = await look(source.path)
    if (file !== undefined) files.set(source.name, file)
    else if (!source.optional) missing.add(source.package)
  }
  return { files, missingPackages: [...missing] }
}

async function look(path: string): Promise<LoaderFile | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? { path, sizeBytes: found.size, modifiedAt: found.mtimeMs } : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}

function needed(name: string, path: string, debianPackage: string): LoaderSource {
  return { name, path, package: debianPackage, optional: false }
}

function optional(name: string, path: string, debianPackage: string): LoaderSource {
  return { name, path, package: debianPackage, optional: true }
}
