// Processor architecture types (IANA), as DHCPv4 option 93 and DHCPv6 option 61 number them.
import type { Arch } from './model.ts'

export interface ArchCode {
  readonly name: string
  readonly arch: Arch
  /** UEFI HTTP boot: the client wants a URL. */
  readonly http: boolean
}

const pxe = (name: string, arch: Arch): ArchCode => ({ name, arch, http: false })
const http = (name: string, arch: Arch): ArchCode => ({ name, arch, http: true })

/** Processor architecture types; what we have no loader for is `unknown`, with its name for the log. */
export const ARCH_CODES: ReadonlyMap<number, ArchCode> = new Map([
  [0, pxe('x86 BIOS', 'x86-bios')],
  [1, pxe('NEC PC98', 'unknown')],
  [2, pxe('Itanium', 'unknown')],
  [3, pxe('DEC Alpha', 'unknown')],
  [4, pxe('Arc x86', 'unknown')],
  [5, pxe('Intel Lean Client', 'unknown')],
  [6, pxe('x86 UEFI', 'x86-uefi')],
  [7, pxe('x64 UEFI', 'x64-uefi')],
  [8, pxe('Xscale UEFI', 'unknown')],
  [9, pxe('EBC', 'x64-uefi')], // many older x64 boards say this
  [10, pxe('ARM32 UEFI', 'arm32-uefi')],
  [11, pxe('ARM64 UEFI', 'arm64-uefi')],
  [12, pxe('PowerPC Open Firmware', 'unknown')],
  [13, pxe('PowerPC ePAPR', 'unknown')],
  [14, pxe('POWER OPAL', 'unknown')],
  [15, http('x86 UEFI HTTP', 'x86-uefi')],
  [16, http('x64 UEFI HTTP', 'x64-uefi')],
  [17, http('EBC HTTP', 'x64-uefi')],
  [18, http('ARM32 UEFI HTTP', 'arm32-uefi')],
  [19, http('ARM64 UEFI HTTP', 'arm64-uefi')],
  [20, http('x86 BIOS HTTP', 'x86-bios')],
  [21, pxe('ARM32 U-Boot', 'u-boot')],
  [22, pxe('ARM64 U-Boot', 'u-boot')],
  [23, http('ARM32 U-Boot HTTP', 'unknown')],
  [24, http('ARM64 U-Boot HTTP', 'unknown')],
  [25, pxe('RISC-V 32 UEFI', 'unknown')],
  [26, http('RISC-V 32 UEFI HTTP', 'unknown')],
  [27, pxe('RISC-V 64 UEFI', 'unknown')],
  [28, http('RISC-V 64 UEFI HTTP', 'unknown')],
  [29, pxe('RISC-V 128 UEFI', 'unknown')],
  [30, http('RISC-V 128 UEFI HTTP', 'unknown')],
  [31, pxe('s390 basic', 'unknown')],
  [32, pxe('s390 extended', 'unknown')],
  [33, pxe('MIPS 32 UEFI', 'unknown')],
  [34, pxe('MIPS 64 UEFI', 'unknown')],
  [35, pxe('Sunway 32 UEFI', 'unknown')],
  [36, pxe('Sunway 64 UEFI', 'unknown')],
  [37, pxe('LoongArch 32 UEFI', 'unknown')],
  [38, http('LoongArch 32 UEFI HTTP', 'unknown')],
  [39, pxe('LoongArch 64 UEFI', 'unknown')],
  [40, http('LoongArch 64 UEFI HTTP', 'unknown')],
  [41, pxe('ARM rpiboot', 'raspberry-pi')]
])
