// Runs one program as root of its own mount and process namespaces: when it ends, however it ends, nothing of it stays.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const LOG_LINES = 60

export interface Run {
  readonly tool: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Each line of its output and its messages, as it comes. */
  readonly onLine?: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

export interface Ended {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  /** The last lines that it wrote. */
  readonly log: string
}

/**
 * The program dies with us, even by SIGKILL, and its mounts go with it.
 * @throws the signal's reason when aborted; the spawn's own error when setpriv is missing
 */
export async function runContained({ tool, args, env, onLine, signal }: Run): Promise<Ended> {
  signal?.throwIfAborted()
  const contained = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('setpriv', [...contained, '--', tool, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, LC_ALL: 'C.UTF-8' },
    // Ctrl-C reaches the whole foreground group: we alone decide what it means.
    detached: true
  })
  const log: string[] = []
  const take = (line: string) => {
    if (line.trim() !== '') log.push(line)
    if (log.length > LOG_LINES) log.shift()
    onLine?.(line)
  }
  const readers = [child.stdout, child.stderr].map((input) => createInterface({ input }).on('line', take))
  const kill = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    signal?.throwIfAborted()
    return { exitCode: exitCode ?? undefined, log: log.join('\n') }
  } finally {
    signal?.removeEventListener('abort', kill)
    for (const reader of readers) reader.close()
  }
}
