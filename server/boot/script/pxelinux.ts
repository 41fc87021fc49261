// PXELINUX configuration files. A directive ends with its line; there is no quoting and no expansion.
import { kernelLine } from '../cmdline.ts'
import { type BootScript, MESSAGE_SECONDS, screenText } from './script.ts'

const RETRY_SECONDS = 5

export function renderPxelinux(script: BootScript): string {
  return `${body(script).join('\n')}\n`
}

function body(script: BootScript): readonly string[] {
  switch (script.kind) {
    case 'image':
      return [
        say(script.title),
        'DEFAULT image',
        'PROMPT 0',
        // Counts only once loading failed and the boot prompt is up: then DEFAULT is tried again.
        `TIMEOUT ${RETRY_SECONDS * 10}`,
        'LABEL image',
        `  LINUX ${script.origin}/${script.kernel}`,
        `  INITRD ${script.origin}/${script.initrd}`,
        `  APPEND ${kernelLine(script.words)}`
      ]
    case 'local':
      return [say('this machine boots from its own disk'), 'DEFAULT local', 'PROMPT 0', 'LABEL local', '  LOCALBOOT 0']
    case 'refused':
      return [
        say(script.message),
        say(`restarting in ${MESSAGE_SECONDS} seconds`),
        'DEFAULT restart',
        'PROMPT 1',
        `TIMEOUT ${MESSAGE_SECONDS * 10}`,
        'LABEL restart',
        '  COM32 reboot.c32'
      ]
  }
}

function say(text: string): string {
  return `SAY rootcast: ${screenText(text)}`
}
