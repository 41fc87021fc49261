// Whatever hosts, images and arguments are called, a boot script does what was meant and nothing else.
import fc from 'fast-check'
import t from 'tap'
import { kernelArgumentFault, kernelLine } from '../../server/boot/cmdline.ts'
import { renderGrub } from '../../server/boot/script/grub.ts'
import { renderIpxe } from '../../server/boot/script/ipxe.ts'
import { renderPxelinux } from '../../server/boot/script/pxelinux.ts'
import type { ImageScript } from '../../server/boot/script/script.ts'
import { renderUBoot } from '../../server/boot/script/u-boot.ts'

const RUNS = { numRuns: 2_000 }

/** Text with what the three dialects treat in a special way, more often than chance would have it. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(' ', '\n', '\r', '\0', '\t', '\\', "'", '"', '$', '${', '}', `\${net0/mac}`, '$(', '`', '#', ';'),
      fc.constantFrom('&&', '||', ' && ', ' || ', ' ; ', ' #', '-', '--', '\\\n', 'reboot', '\u2028', '\x1b['),
      fc.string({ unit: 'binary', maxLength: 5 })
    ),
    { maxLength: 12 }
  )
  .map((parts) => parts.join(''))

const argument = nasty.filter((word) => kernelArgumentFault(word) === undefined)

function script(title: string, words: readonly string[], lineOption?: number): ImageScript {
  return {
    kind: 'image',
    title,
    origin: 'http://192.168.77.1',
    transport: 'http',
    kernel: 'blobs/sha256/aa',
    initrd: 'blobs/sha256/bb',
    words: ['BOOT=overlay', ...words],
    lineOption
  }
}

const DIALECTS = { iPXE: renderIpxe, PXELINUX: renderPxelinux, GRUB: renderGrub, 'U-Boot': renderUBoot }

for (const [dialect, render] of Object.entries(DIALECTS)) {
  t.test(`${dialect}: nothing adds a line, or a byte that is not printable ASCII`, async () => {
    const lines = render(script('plain', ['quiet'])).split('\n').length
    const refused = render({ kind: 'refused', message: 'plain', again: undefined }).split('\n').length
    fc.assert(
      fc.property(nasty, fc.array(argument, { maxLength: 4 }), (title, words) => {
        const text = render(script(title, words))
        const message = render({ kind: 'refused', message: title, again: undefined })
        return (
          text.split('\n').length === lines &&
          message.split('\n').length === refused &&
          /^[\x20-\x7e\n]*$/.test(text + message)
        )
      }),
      RUNS
    )
  })
}

/** How iPXE takes a line apart (src/core/exec.c): words, a comment, the end of a command. */
function ipxeCommands(line: string): string[][] {
  const commands: string[][] = [[]]
  for (const word of line.split(/\s+/).filter((part) => part !== '')) {
    if (word.startsWith('#')) break
    if (word === ';' || word === '&&' || word === '||') commands.push([])
    else commands.at(-1)?.push(word)
  }
  return commands
}

t.test('iPXE: a title and a message are one echo, and expand nothing', async () => {
  fc.assert(
    fc.property(nasty, (title) => {
      const [, echo = ''] = renderIpxe({ kind: 'refused', message: title, again: undefined }).split('\n')
      const commands = ipxeCommands(echo)
      const shown = commands[0]?.slice(0, 2).join(' ')
      return commands.length === 1 && shown === 'echo rootcast:' && !echo.includes('${') && !echo.endsWith('\\')
    }),
    RUNS
  )
})

t.test('iPXE: the kernel gets the line word for word', async () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 4 }), (words) => {
      const set = renderIpxe(script('x', words)).split('\n')[2] ?? ''
      const commands = ipxeCommands(set)
      const line = kernelLine(['BOOT=overlay', ...words])
      return commands.length === 1 && commands[0]?.join(' ') === `set line ${line}` && !set.includes('${')
    }),
    RUNS
  )
})

/** GRUB's words: single quotes keep everything, a backslash outside of them the next character. */
function grubWords(line: string): string[] {
  const words: string[] = []
  for (const [word] of line.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/g)) {
    words.push(word.replace(/'([^']*)'|\\(.)/g, (_all, quoted?: string, single?: string) => quoted ?? single ?? ''))
  }
  return words
}

t.test('GRUB: the kernel gets every word as one, and nothing is left outside the quotes', async () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 4 }), (words) => {
      const linux = renderGrub(script('x', words)).split('\n')[2] ?? ''
      const expected = ['if', 'linux', '/blobs/sha256/aa', 'BOOT=overlay', ...words, 'then']
      const command = linux.replace(/; then$/, ' then')
      const outside = command.replace(/'[^']*'/g, '')
      return (
        JSON.stringify(grubWords(command)) === JSON.stringify(expected) && /^ *if linux [/a-z0-9]+ *then$/.test(outside)
      )
    }),
    RUNS
  )
})

t.test('GRUB: a title is one word', async () => {
  fc.assert(
    fc.property(nasty, (title) => {
      const [echo = ''] = renderGrub({ kind: 'refused', message: title, again: undefined }).split('\n')
      return grubWords(echo).length === 2 && echo.replace(/'[^']*'|\\'/g, '') === 'echo '
    }),
    RUNS
  )
})

t.test('PXELINUX: a line begins with what it was meant to', async () => {
  fc.assert(
    fc.property(nasty, fc.array(argument, { maxLength: 4 }), (title, words) => {
      const lines = renderPxelinux(script(title, words)).trimEnd().split('\n')
      const directives = lines.map((line) => line.trim().split(' ')[0]).join(' ')
      return directives === 'SAY DEFAULT PROMPT TIMEOUT LABEL LINUX INITRD APPEND'
    }),
    RUNS
  )
})

t.test('U-Boot: a line begins with what it was meant to, and its shell expands nothing', async () => {
  fc.assert(
    fc.property(nasty, fc.array(argument, { maxLength: 4 }), (title, words) => {
      const lines = renderUBoot(script(title, words)).trimEnd().split('\n')
      const directives = lines.map((line) => line.trim().split(' ')[0]).join(' ')
      return directives === 'DEFAULT LABEL MENU LINUX INITRD APPEND' && !/[\\']|\$[({]/.test(lines.at(-1) ?? '')
    }),
    RUNS
  )
})
