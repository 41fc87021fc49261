import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import t from 'tap'
import { SerialConsole } from '../../../server/lab/console.ts'
import { deadlines } from '../../../server/lab/patience.ts'
import { Shell } from '../../../server/lab/shell.ts'
import { FakeClock } from '../../fakes/clock.ts'

type Script = readonly (readonly [heard: RegExp, said: string | ((line: string) => string)])[]

/** A guest whose getty and shell say what the script has for what they hear. */
function guest(script: Script, more?: Readable) {
  const output = new PassThrough()
  const input = new PassThrough()
  more?.on('data', (chunk) => output.write(chunk))
  const logPath = join(mkdtempSync(join(tmpdir(), 'rootcast-shell-')), 'console.log')
  const serial = new SerialConsole({ name: 'client1', output, input, logPath, clock: new FakeClock() })
  input.setEncoding('utf8').on('data', (line: string) => {
    const said = script.find(([heard]) => heard.test(line))?.[1]
    if (said !== undefined) output.write(typeof said === 'string' ? said : said(line))
  })
  output.write(
    'Debian GNU/Linux 12 client1 ttyS0\r\n\r\nclient1 login: root (automatic login)\r\n\r\nLinux client1\r\nroot@client1:~# '
  )
  return serial
}

const QUIETENS: Script = [
  [/^exec sh/, (line) => `${line.trim()}\r\n# `],
  [/^PS1/, (line) => `${line}\r\nquiet\r\n`]
]

t.test('waits to be let in, and reads what a command says and how it ended', async (t) => {
  const serial = guest([
    ...QUIETENS,
    [/uname/, (line) => `${line}\nbegin-1\r\nLinux\r\n6.1\r\n\r\nend-1 0\r\n`],
    [/false/, 'begin-2\r\n\r\nend-2 1\r\n']
  ])
  const shell = await Shell.open(serial, deadlines(1))
  t.strictSame(await shell.run('uname -sr'), { output: 'Linux\n6.1', status: 0 })
  t.strictSame(await shell.run('false'), { output: '', status: 1 })
})

t.test('a command that has to succeed and does not is told with its words', async (t) => {
  const serial = guest([...QUIETENS, [/cat/, 'begin-1\r\ncat: x: No such file\r\n\r\nend-1 1\r\n']])
  const shell = await Shell.open(serial, deadlines(1))
  await t.rejects(shell.read('cat x'), {
    code: 'LAB_GUEST_COMMAND_FAILED',
    message: 'in the guest, “cat x” exited with 1: cat: x: No such file'
  })
})

t.test('what it types is shell, and tells how the command itself ended', async (t) => {
  // A real shell at the other end, as the guest's is: no prompts, no echo.
  const sh = spawn('sh', { stdio: ['pipe', 'pipe', 'inherit'] })
  const serial = guest(
    [
      ...QUIETENS,
      [
        /begin/,
        (line) => {
          sh.stdin.write(line.replaceAll('\r', '\n'))
          return ''
        }
      ]
    ],
    sh.stdout
  )
  const shell = await Shell.open(serial, deadlines(1))
  t.strictSame(await shell.run('echo one; echo two >&2; exit_with() { return 3; }; exit_with'), {
    output: 'one\ntwo',
    status: 3
  })
  t.strictSame(await shell.run('printf "no line feed"'), { output: 'no line feed', status: 0 })
  t.strictSame(await shell.run('true'), { output: '', status: 0 })
  sh.kill()
})
