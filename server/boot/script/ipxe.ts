// iPXE scripts. A line that fails ends the script, so every line that may fail says what happens then.
//
// iPXE splits a line at blanks, knows no quotes, takes `#` at the start of a word for a comment and the words `;` `&&`
// `||` for the end of a command (src/core/exec.c), and expands `${…}` in every word, again and again.
import { kernelLine, OPTION_LENGTH } from '../cmdline.ts'
import { type BootScript, type ImageScript, MESSAGE_SECONDS, RETRY_PAUSES_SECONDS, screenText } from './script.ts'

export function renderIpxe(script: BootScript): string {
  return ['#!ipxe', ...body(script), ''].join('\n')
}

/** Has iPXE tell who it is, over HTTP, to whoever serves `url`. Nothing of the client is known yet. */
export function renderIpxeIntroduction(url: string): string {
  const facts = `mac=${ref('mac')}&uuid=${ref('uuid')}&arch=${ref('buildarch')}&platform=${ref('platform')}`
  return `#!ipxe
set tries:int32 0
:ask
chain --replace --autofree ${checkedUrl(url)}?${facts} || goto again
:again
echo rootcast: the boot script did not come; trying again
inc tries
sleep ${ref('tries')}
iseq ${ref('tries')} 10 || goto ask
echo rootcast: giving up and restarting
reboot
`
}

function body(script: BootScript): readonly string[] {
  switch (script.kind) {
    case 'image':
      return image(script)
    case 'local':
      return [
        say('this machine boots from its own disk'),
        // UEFI goes on to the next boot entry only if this one reports an error.
        `iseq ${ref('platform')} efi && exit 1 ||`,
        'sanboot --no-describe --drive 0x80 || exit 1'
      ]
    case 'refused':
      return [
        say(script.message),
        say(`trying again in ${MESSAGE_SECONDS} seconds`),
        `sleep ${MESSAGE_SECONDS} ||`,
        ...(script.again === undefined ? [] : [`chain --replace --autofree ${checkedUrl(script.again)} ||`]),
        'reboot'
      ]
  }
}

function image(script: ImageScript): readonly string[] {
  return [
    say(script.title),
    ...setLine(kernelLine(script.words), script.lineOption),
    'set tries:int32 0',
    ':fetch',
    // EFI's kernel stub finds its initrd by this name.
    `kernel ${checkedUrl(`${script.origin}/${script.kernel}`)} initrd=initrd ${ref('line')} || goto retry`,
    `initrd --name initrd ${checkedUrl(`${script.origin}/${script.initrd}`)} || goto retry`,
    BOOT_OR_RETRY
  ]
}

/** The line that DHCP gave, where one option can hold it; always the line itself in case the option got lost. */
function setLine(line: string, option: number | undefined): readonly string[] {
  if (option === undefined || line.length > OPTION_LENGTH) return [`set line ${line}`]
  return [`set line ${ref(`${option}:string`)} ||`, `isset ${ref('line')} || set line ${line}`]
}

function say(text: string): string {
  return `echo rootcast: ${asItStands(text)}`
}

/** A setting, for iPXE to expand. */
function ref(setting: string): string {
  return `\${${setting}}`
}

/** Text that iPXE shows as it stands. */
function asItStands(text: string): string {
  return screenText(text)
    .replaceAll('${', '$ {')
    .replace(/(?<=^| )(?:#[^ ]*|;|&&|\|\|)(?= |$)/g, "'$&'")
    .replace(/\\$/, '\\ .')
}

/** URLs are made by us of digests, ids and addresses; anything else is our own mistake. */
function checkedUrl(text: string): string {
  if (!/^[\w.:/?=&%+[\]-]+$/.test(text)) throw new RangeError(`not a URL for an iPXE script: ${text}`)
  return text
}

/** The same for every machine. */
const BOOT_OR_RETRY = [
  'boot || goto retry',
  ':retry',
  'imgfree ||',
  'inc tries',
  ...RETRY_PAUSES_SECONDS.map((seconds, index) => `iseq ${ref('tries')} ${index + 1} && set pause ${seconds} ||`),
  `iseq ${ref('tries')} ${RETRY_PAUSES_SECONDS.length + 1} && goto failed ||`,
  `echo rootcast: kernel or initrd did not come; trying again in ${ref('pause')} s`,
  `sleep ${ref('pause')} ||`,
  'goto fetch',
  ':failed',
  say('kernel and initrd could not be fetched; restarting. If this goes on, ask your administrator'),
  'sleep 30 ||',
  'reboot'
].join('\n')
