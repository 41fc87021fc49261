// Which firmware a client has, and what QEMU must be told for it.
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'

/** `uefi-secure` enforces Secure Boot with Microsoft's keys, as shops sell machines. */
export type Firmware = 'bios' | 'uefi' | 'uefi-secure'

/** What the network card carries: QEMU's iPXE (BIOS and UEFI in one ROM), or nothing, which leaves OVMF to its own PXE. */
export type CardRom = 'ipxe' | 'none'

const OVMF = '/usr/share/OVMF'

interface Flash {
  readonly code: string
  readonly variables: string
}

const FLASH: Readonly<Record<Exclude<Firmware, 'bios'>, Flash>> = {
  uefi: { code: 'OVMF_CODE_4M.fd', variables: 'OVMF_VARS_4M.fd' },
  // The .ms variables have the keys enrolled. Secure Boot needs the code that keeps variables behind SMM.
  'uefi-secure': { code: 'OVMF_CODE_4M.secboot.fd', variables: 'OVMF_VARS_4M.ms.fd' }
}

/** Each power-on gets fresh variables: a diskless room's machines remember nothing that we rely on. */
export async function firmwareArguments(firmware: Firmware, directory: string): Promise<readonly string[]> {
  if (firmware === 'bios') return ['-machine', `q35,${NO_GRAPHICS}`]
  const { code, variables } = FLASH[firmware]
  const copy = join(directory, 'variables.fd')
  await copyFile(join(OVMF, variables), copy)
  return [
    ...(firmware === 'uefi-secure' ? SECURE_MACHINE : ['-machine', `q35,${NO_GRAPHICS}`]),
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${join(OVMF, code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${copy}`]
  ]
}

// Without graphics SeaBIOS puts its screen, and so iPXE's and PXELINUX's, on the serial port.
const NO_GRAPHICS = 'graphics=off'

const SECURE_MACHINE = [
  ...['-machine', `q35,smm=on,${NO_GRAPHICS}`],
  ...['-global', 'driver=cfi.pflash01,property=secure,value=on'],
  ...['-global', 'ICH9-LPC.disable_s3=1']
]
