// PXELINUX configuration as U-Boot reads it (its boot/pxe_utils.c): by TFTP only, no SAY, no module that restarts.
import { kernelLine } from '../cmdline.ts'
import { type BootScript, screenText } from './script.ts'

export function renderUBoot(script: BootScript): string {
  return `${body(script).join('\n')}\n`
}

/** The label's menu line is what U-Boot shows before it boots; the last error leaves it to its next boot target. */
function body(script: BootScript): readonly string[] {
  switch (script.kind) {
    case 'image':
      return [
        'DEFAULT image',
        'LABEL image',
        say(script.title),
        `  LINUX ${script.kernel}`,
        `  INITRD ${script.initrd}`,
        `  APPEND ${kernelLine(script.words)}`
      ]
    case 'local':
      return ['DEFAULT local', 'LABEL local', say('this machine boots from its own disk')]
    case 'refused':
      return ['DEFAULT refused', 'LABEL refused', say(script.message)]
  }
}

function say(text: string): string {
  return `  MENU LABEL rootcast: ${screenText(text)}`
}
