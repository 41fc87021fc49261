// The names that a Raspberry Pi's firmware asks for. It loads the kernel by itself: no boot program of ours is between.
import { type Mac, parseMac } from '../net/mac.ts'

/** Whatever its model asks for, the package that brings this file brings the others. */
export const PI_LOADER = 'start4.elf'

/** Up to the Pi 3 the first three, a Pi 4 the others; a Pi 5 has them in its EEPROM. */
export const PI_FIRMWARE = ['bootcode.bin', 'start.elf', 'fixup.dat', PI_LOADER, 'fixup4.dat'] as const

/** By the names of Linux, and for older firmware by those of Raspberry Pi's own kernels (bcm2710). */
export const PI_DEVICE_TREES = [
  'bcm2710-rpi-3-b.dtb',
  'bcm2710-rpi-3-b-plus.dtb',
  'bcm2837-rpi-3-b.dtb',
  'bcm2837-rpi-3-b-plus.dtb',
  'bcm2711-rpi-4-b.dtb',
  'bcm2711-rpi-400.dtb',
  'bcm2711-rpi-cm4.dtb',
  'bcm2711-rpi-cm4-io.dtb',
  'bcm2712-rpi-5-b.dtb'
] as const

export const PI_CONFIG = 'config.txt'
export const PI_COMMAND_LINE = 'cmdline.txt'
export const PI_KERNEL = 'kernel8.img'
export const PI_INITRD = 'initrd.img'

const FILES: ReadonlySet<string> = new Set([
  ...PI_FIRMWARE,
  ...PI_DEVICE_TREES,
  PI_CONFIG,
  PI_COMMAND_LINE,
  PI_KERNEL,
  PI_INITRD
])

export interface PiName {
  readonly file: string
  /** Where the prefix says it. */
  readonly mac: Mac | undefined
}

const SERIAL = /^(?:[0-9a-f]{8}){1,2}$/i
const DASHED_MAC = /^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/i

/**
 * `d83adda1/start4.elf` (its serial number, the default), `d8-3a-dd-00-00-01/start4.elf` (TFTP_PREFIX=2), and
 * `start4.elf`, which is tried where the first is not there. Undefined: no name of a Raspberry Pi.
 */
export function piName(name: string): PiName | undefined {
  const slash = name.lastIndexOf('/')
  const file = name.slice(slash + 1)
  if (!FILES.has(file)) return undefined
  const prefix = name.slice(0, Math.max(slash, 0))
  if (slash < 0 || SERIAL.test(prefix)) return { file, mac: undefined }
  return DASHED_MAC.test(prefix) ? { file, mac: parseMac(prefix) } : undefined
}
