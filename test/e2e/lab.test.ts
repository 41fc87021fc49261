// The lab as a person starts it: a program on this machine, that leaves nothing on it.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import t, { type Test } from 'tap'
import { patience } from '../../server/lab/patience.ts'
import { eventually } from '../support/netns.ts'

const MAIN = join(import.meta.dirname, '../../server/main.js')
const FACTOR = patience(process.env)
const MARK = 'ROOTCAST_E2E_RUN'

interface Lab {
  readonly child: ChildProcess
  /** All that it has written so far. */
  readonly output: () => string
  /** Exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Processes that it started, and those that they started, wherever they are now. */
  readonly processes: () => readonly string[]
}

function lab(t: Test, ...args: readonly string[]): Lab {
  const mark = randomBytes(16).toString('hex')
  const child = spawn(process.execPath, [MAIN, 'lab', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [MARK]: mark }
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return {
    child,
    output: () => output,
    ended: once(child, 'exit').then(([status, signal]) => status ?? signal),
    processes: () => marked(`${MARK}=${mark}`)
  }
}

/** Process ids whose environment has `mark`: children inherit it, in whatever namespace they live. */
function marked(mark: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)
    } catch {
      return false // it ended while we looked
    }
  })
}

/** Mounts and network devices of this machine: a namespace that nothing lives in and nothing names is gone. */
function traces(): readonly string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return [...mounts, ...readdirSync('/sys/class/net')].sort()
}

for (const firmware of ['bios', 'uefi'] as const) {
  t.test(`debian-minimal boots in the lab, with ${firmware}`, async (t) => {
    const before = traces()
    const { ended, output, processes } = lab(t, '--firmware', firmware)
    t.equal(await ended, 0, output())
    t.match(output(), /login prompt reached/)
    for (const claim of ['/ is overlay', 'its lower is squashfs', 'its upper is tmpfs', 'gone after the second boot']) {
      t.match(output(), new RegExp(`${claim}.* yes`), claim)
    }
    t.strictSame(processes(), [])
    t.strictSame(traces(), before)
  })
}

const INTERRUPTIONS = [
  { name: 'Ctrl-C while it publishes', after: /Publishing/, signal: 'SIGINT', status: 130 },
  { name: 'SIGTERM while firmware runs', after: /power on/, signal: 'SIGTERM', status: 130 },
  { name: 'kill -9 while a machine boots', after: /kernel +started/, signal: 'SIGKILL', status: 'SIGKILL' },
  { name: 'Ctrl-C in the initramfs', after: /network +started/, signal: 'SIGINT', status: 130 }
] as const

for (const { name, after, signal, status } of INTERRUPTIONS) {
  t.test(`${name} leaves nothing behind`, async (t) => {
    const before = traces()
    const { child, ended, output, processes } = lab(t, '--image', 'debian-cloud')
    await eventually(String(after), () => (after.test(output()) ? true : undefined), 180_000 * FACTOR)
    t.ok(processes().length > 1, 'processes to leave behind')
    child.kill(signal)
    t.equal(await ended, status)
    await eventually('the end of every process', () => (processes().length === 0 ? true : undefined), 5000 * FACTOR)
    t.strictSame(traces(), before)
  })
}
