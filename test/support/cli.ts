// Commands as a person types them, against a daemon of their own on loopback.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { run } from '../../server/cli/program.ts'
import { systemClock } from '../../server/clock.ts'
import { configFrom } from '../../server/config.ts'
import { type Daemon, startDaemon } from '../../server/daemon.ts'
import { createLog } from '../../server/log.ts'
import { layer } from './squashfs.ts'

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What a test gives back when it ends. */
interface Teardown {
  teardown(run: () => unknown): void
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly isTTY?: boolean
  readonly signal?: AbortSignal
}

/** Runs one command in this process. */
export async function rootcast(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, isTTY = false, signal = new AbortController().signal } = options
  const stdout = Object.assign(new PassThrough(), { isTTY })
  const stderr = Object.assign(new PassThrough(), { isTTY })
  const exitCode = await run(argv, { stdout, stderr, env, signal })
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

export async function temporaryDirectory(t: Teardown): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rootcast-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Ephemeral ports, no DHCP, everything it keeps in `directory`. */
export function testConfig(directory: string, overrides: object = {}) {
  return configFrom(
    {
      stateDir: 'state',
      images: { store: 'store' },
      dhcp: { mode: 'off' },
      tftp: { addresses: ['127.0.0.1'], port: 0 },
      http: { boot: { address: '127.0.0.1', port: 0 }, admin: { port: 0 } },
      ...overrides
    },
    directory
  )
}

export function silentLog() {
  return createLog({ level: 'silent', destination: new PassThrough() })
}

export interface Bench {
  readonly daemon: Daemon
  readonly directory: string
  /** ROOTCAST_URL and ROOTCAST_TOKEN of this daemon. */
  readonly env: Readonly<Record<string, string>>
  /** A command that finds this daemon by its environment. */
  rootcast(argv: readonly string[], options?: RunOptions): Promise<Ran>
  /** The same with --json, its answer parsed. */
  json(argv: readonly string[]): Promise<unknown>
}

export async function startBench(t: Teardown): Promise<Bench> {
  const directory = await temporaryDirectory(t)
  const daemon = await startDaemon(testConfig(directory), { clock: systemClock, log: silentLog() })
  t.teardown(() => daemon.close())
  const env = { ROOTCAST_URL: daemon.adminUrl, ROOTCAST_TOKEN: (await readFile(daemon.tokenFile, 'utf8')).trim() }
  const command: Bench['rootcast'] = (argv, options) => rootcast(argv, { ...options, env: { ...env, ...options?.env } })
  return {
    daemon,
    directory,
    env,
    rootcast: command,
    async json(argv) {
      const ran = await command([...argv, '--json'])
      if (ran.exitCode !== 0) throw new Error(`rootcast ${argv.join(' ')}: ${ran.stderr}`)
      return JSON.parse(ran.stdout)
    }
  }
}

/** The parts of a tiny version, as options of `image publish`. */
export async function tinyImage(directory: string, word = 'one'): Promise<readonly string[]> {
  const file = (name: string) => path.join(directory, `${name}-${word}`)
  await writeFile(file('vmlinuz'), `kernel ${word}`)
  await writeFile(file('initrd'), 'initrd')
  await writeFile(file('root'), layer(word))
  return ['--kernel', file('vmlinuz'), '--initrd', file('initrd'), '--layer', file('root')]
}
