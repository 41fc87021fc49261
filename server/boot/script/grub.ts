// GRUB configuration files. Inside single quotes GRUB takes everything as it stands, but for the single quote.
import { type BootScript, MESSAGE_SECONDS, RETRY_PAUSES_SECONDS, screenText } from './script.ts'

/** Where a disk's own loader may be, in the order in which they are tried. */
const DISK_LOADERS = [
  '/EFI/Microsoft/Boot/bootmgfw.efi',
  '/EFI/debian/shimx64.efi',
  '/EFI/ubuntu/shimx64.efi',
  '/EFI/fedora/shimx64.efi',
  '/EFI/BOOT/BOOTX64.EFI'
]

export function renderGrub(script: BootScript): string {
  return `${body(script).join('\n')}\n`
}

/** Has GRUB ask again under the name of its network card. Nothing of the client is known yet. */
export function renderGrubIntroduction(): string {
  return `configfile "/grub/grub.cfg-01-${ref('net_default_mac')}"\n`
}

function body(script: BootScript): readonly string[] {
  switch (script.kind) {
    case 'image':
      return [
        say(script.title),
        `for pause in ${RETRY_PAUSES_SECONDS.join(' ')}; do`,
        // Paths without a device are read from where GRUB itself came from, by TFTP or by HTTP.
        `  if linux /${script.kernel} ${script.words.map(quote).join(' ')}; then`,
        `    if initrd /${script.initrd}; then`,
        '      boot',
        '    fi',
        '  fi',
        `  echo "rootcast: kernel or initrd did not come; trying again in ${ref('pause')} s"`,
        `  sleep ${ref('pause')}`,
        'done',
        say('kernel and initrd could not be fetched; restarting. If this goes on, ask your administrator'),
        'sleep 30',
        'reboot'
      ]
    case 'local':
      return [
        say('this machine boots from its own disk'),
        // `exit` alone reports success, and many firmwares then show their menu instead of trying the next entry.
        `for loader in ${DISK_LOADERS.join(' ')}; do`,
        `  if search --no-floppy --set=root --file ${ref('loader')}; then`,
        `    chainloader ${ref('loader')}`,
        '    boot',
        '  fi',
        'done',
        'exit'
      ]
    case 'refused':
      return [
        say(script.message),
        say(`restarting in ${MESSAGE_SECONDS} seconds`),
        `sleep ${MESSAGE_SECONDS}`,
        'reboot'
      ]
  }
}

function say(text: string): string {
  return `echo ${quote(`rootcast: ${screenText(text)}`)}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A variable, for GRUB to expand. */
function ref(variable: string): string {
  return `\${${variable}}`
}
