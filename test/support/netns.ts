// Networks of a test's own: the test process leaves the machine's network, and clients get namespaces beside it.
// Everything ends with the process: namespaces live no longer than who is in them.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import koffi from 'koffi'

const run = promisify(execFile)
const CLONE_NEWNET = 0x40000000

/** Puts this process, and whatever it starts from now on, into a new network with nothing but loopback. */
export async function enterOwnNetwork(): Promise<void> {
  const unshare = koffi.load(null).func('int unshare(int)')
  // A network belongs to a thread: this one, which opens every socket and starts every child.
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}; these tests need root`)
  await ip('link set lo up')
}

function enter(namespace: number): void {
  const setns = koffi.load(null).func('int setns(int, int)')
  if (setns(namespace, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`)
}

/** `ip` with its arguments in one line. */
export async function ip(line: string): Promise<string> {
  const { stdout } = await run('ip', line.split(' '))
  return stdout
}

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A neighbour: its own network, mounts and processes, under a process that dies with ours. */
export class Namespace implements AsyncDisposable {
  readonly #holder: ChildProcess
  /** Of the first process inside, as seen from here. */
  readonly pid: number

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder
    this.pid = pid
  }

  static async create(): Promise<Namespace> {
    const script =
      'mount -t sysfs none /sys; mount -t tmpfs none /run; ip link set lo up; echo ready; exec sleep infinity'
    const holder = spawn(
      'setpriv',
      [
        '--pdeathsig=KILL',
        'unshare',
        '--net',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        'sh',
        '-c',
        script
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    await once(holder.stdout, 'data')
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')
    return new Namespace(holder, Number(children.trim()))
  }

  /** A cable from there to another namespace, both ends up. */
  async cableTo(other: Namespace, ownEnd: string, otherEnd: string): Promise<void> {
    await ip(`link add ${ownEnd} netns ${this.pid} type veth peer name ${otherEnd} netns ${other.pid}`)
    await this.exec('ip', 'link', 'set', ownEnd, 'up')
    await other.exec('ip', 'link', 'set', otherEnd, 'up')
  }

  /** A cable from here to there: `here` is its end in our network, `there` its end in this one. Both come up. */
  async cable(here: string, there: string, mac?: string): Promise<void> {
    await ip(`link add ${here} type veth peer name ${there} netns ${this.pid}`)
    if (mac !== undefined) await this.exec('ip', 'link', 'set', there, 'address', mac)
    await ip(`link set ${here} up`)
    await this.exec('ip', 'link', 'set', there, 'up')
  }

  /** Runs to its end, at most 30 s. */
  async exec(command: string, ...args: string[]): Promise<Output> {
    const child = this.spawn(command, ...args)
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
    const output = { stdout: '', stderr: '' }
    child.stdout?.on('data', (text) => {
      output.stdout += text
    })
    child.stderr?.on('data', (text) => {
      output.stderr += text
    })
    await once(child, 'close')
    clearTimeout(timer)
    return { code: child.exitCode ?? -1, ...output }
  }

  /** Opens a socket of ours over there: a socket stays in the network where it was made. `open` must not wait. */
  within<T>(open: () => T): T {
    const here = openSync('/proc/thread-self/ns/net', 'r')
    const there = openSync(`/proc/${this.pid}/ns/net`, 'r')
    try {
      enter(there)
      try {
        return open()
      } finally {
        enter(here)
      }
    } finally {
      closeSync(there)
      closeSync(here)
    }
  }

  /** Goes on until it ends by itself or the namespace does; resolves when its output, on stdout, shows `sign`. */
  async daemon(sign: RegExp, command: string): Promise<void> {
    const child = this.spawn('sh', '-c', `exec ${command} 2>&1`)
    let output = ''
    child.stdout?.on('data', (text) => {
      output += text
    })
    await eventually(`${sign} from ${command}`, () => {
      if (child.exitCode !== null) throw new Error(`${command}: ${output}`)
      return sign.test(output) ? true : undefined
    })
  }

  /** Goes on until it ends by itself or the namespace does. */
  spawn(command: string, ...args: string[]): ChildProcess {
    return spawn('nsenter', ['--target', String(this.pid), '--net', '--mount', '--pid', command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return
    const gone = once(this.#holder, 'exit')
    this.#holder.kill('SIGKILL')
    await gone
  }
}

/** Waits until `probe` gives something, at most `timeoutMs`. */
export async function eventually<T>(what: string, probe: () => T | undefined, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = probe()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Until the kernel has made sure that nobody else has its link-local address, a card can't be asked from. */
export function settled(card: string): Promise<void> {
  return untilSettled(() => ip(`-6 address show dev ${card}`))
}

export function settledIn(namespace: Namespace, card: string): Promise<void> {
  return untilSettled(async () => (await namespace.exec('ip', '-6', 'address', 'show', 'dev', card)).stdout)
}

async function untilSettled(show: () => Promise<string>): Promise<void> {
  for (;;) {
    const addresses = await show()
    if (addresses.includes('fe80::') && !addresses.includes('tentative')) return
    await pause(50)
  }
}
