import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { plain, SerialConsole } from '../../../server/lab/console.ts'
import { FakeClock } from '../../fakes/clock.ts'

function setUp() {
  const clock = new FakeClock()
  const output = new PassThrough()
  const input = new PassThrough()
  const logPath = join(mkdtempSync(join(tmpdir(), 'rootcast-console-')), 'console.log')
  const serial = new SerialConsole({ name: 'client1', output, input, logPath, clock })
  return { clock, output, input, logPath, serial }
}

t.test('words that come are found, and the next wait begins after them', async (t) => {
  const { output, serial } = setUp()
  const first = serial.until(/login: /, { timeoutMs: 1000 })
  output.write('Debian ttyS0\r\n\r\nhost log')
  output.write('in: ')
  t.equal((await first)[0], 'login: ')
  output.write('again login: ')
  t.equal((await serial.until(/\w+ login: /, { timeoutMs: 1000 }))[0], 'again login: ')
})

t.test('words that were there before somebody waited are found', async (t) => {
  const { output, serial } = setUp()
  output.write('done\n')
  await setImmediate()
  t.equal((await serial.until(/done/, { timeoutMs: 1000 })).index, 0)
})

t.test('silence ends at the deadline, with what was said last', async (t) => {
  const { clock, output, serial } = setUp()
  output.write('Waiting for root file system ...')
  await setImmediate()
  const wait = serial.until(/login:/, { timeoutMs: 1000 })
  clock.advance(1000)
  await t.rejects(wait, { code: 'LAB_CONSOLE_DEADLINE', message: /client1: nothing for 1000 ms.*Waiting for root/s })
})

t.test('words that make waiting pointless end it at once', async (t) => {
  const { output, serial } = setUp()
  const wait = serial.until(/login:/, { timeoutMs: 1000, unless: /Kernel panic.*/ })
  output.write('Kernel panic - not syncing\n')
  await t.rejects(wait, { message: /it said “Kernel panic - not syncing”/ })
})

t.test('a machine that goes off ends the wait', async (t) => {
  const { output, serial } = setUp()
  const wait = serial.until(/login:/, { timeoutMs: 1000 })
  output.destroy()
  await t.rejects(wait, { message: /the machine went off/ })
})

t.test('a machine that can’t go on ends the wait, with the first reason given', async (t) => {
  const { output, serial } = setUp()
  const wait = serial.until(/login:/, { timeoutMs: 1000 })
  serial.end('its processors stopped')
  await t.rejects(wait, { message: /its processors stopped while waiting for/ })
  output.destroy()
  t.equal(await serial.ended, 'its processors stopped')
})

t.test('the log has every byte as it came, and the text is readable', async (t) => {
  const { output, logPath, serial } = setUp()
  output.write('[\x1b[0;32m  OK  \x1b')
  output.write('[0m] Started\r\n')
  await setImmediate()
  t.equal(readFileSync(logPath, 'utf8'), '[\x1b[0;32m  OK  \x1b[0m] Started\r\n')
  t.equal(serial.text, '[  OK  ] Started\n')
})

t.test('keys go to the machine as they are', async (t) => {
  const { input, serial } = setUp()
  serial.write('root\r')
  await setImmediate()
  t.equal(input.read()?.toString(), 'root\r')
})

t.test('control sequences', async (t) => {
  const cases: readonly (readonly [raw: string, text: string, cut: string, why: string])[] = [
    ['\x1b[2J\x1b[01;01HBdsDxe', 'BdsDxe', '', 'OVMF clears its screen'],
    ['\x1b[?7l\x1b[?25hiPXE', 'iPXE', '', 'private modes'],
    ['\x1b]3008;start=1\x1b\\$ ', '$ ', '', 'an operating system command ended by ST'],
    ['\x1b]0;root@host\x07# ', '# ', '', 'one ended by BEL'],
    ['\x1bc\x1b(Btext', 'text', '', 'reset and character set'],
    ['text\x1b[0;3', 'text', '\x1b[0;3', 'cut short'],
    ['text\x1b', 'text', '\x1b', 'cut shorter']
  ]
  for (const [raw, text, cut, why] of cases) t.strictSame(plain(raw), { text, cut }, why)
})
