// What a Raspberry Pi's firmware reads. It shows no message of ours and has no way to its own disk but to find nothing.
import { kernelLine } from '../cmdline.ts'
import { PI_INITRD, PI_KERNEL } from '../raspberry-pi.ts'
import type { BootScript } from './script.ts'

/** config.txt; undefined when there is no image to boot. */
export function renderPiConfig(script: BootScript): string | undefined {
  if (script.kind !== 'image') return undefined
  const lines = [
    'arm_64bit=1',
    'upstream_kernel=1', // Debian's kernel has the device trees under Linux's own names
    `kernel=${PI_KERNEL}`,
    `initramfs ${PI_INITRD} followkernel` // no `=` here
  ]
  return `${lines.join('\n')}\n`
}

/** cmdline.txt, of which only the first line counts; undefined when there is no image to boot. */
export function renderPiCommandLine(script: BootScript): string | undefined {
  return script.kind === 'image' ? `${kernelLine(script.words)}\n` : undefined
}
