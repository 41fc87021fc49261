// Runs one program to its end: output in pieces, stderr kept for the error, killed when the caller aborts.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ToolFailed, ToolMissing } from './errors.ts'

const STDERR_KEPT = 8 * 1024 // characters: the reason stands at the end

export interface Run {
  readonly tool: string
  readonly args: readonly string[]
  readonly input?: Readable | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly onStdout?: ((chunk: Buffer) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** @throws {ToolMissing} @throws {ToolFailed} the signal's reason when aborted, the input's own error when that breaks */
export async function run({ tool, args, input, env, onStdout, signal }: Run): Promise<void> {
  signal?.throwIfAborted()
  const child = spawn(tool, args, {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...ambient(), ...env }
  })
  const kill = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT)
  })
  // Read even when nobody listens, or the tool stops at a full pipe.
  child.stdout?.on('data', onStdout ?? (() => {}))
  try {
    const [ended, inputFailure] = await Promise.all([end(child), feed(child, input)])
    signal?.throwIfAborted()
    if (ended.spawnError) throw isMissing(ended.spawnError) ? new ToolMissing(tool) : ended.spawnError
    if (inputFailure) throw inputFailure
    if (ended.exitCode !== 0) throw new ToolFailed(tool, ended.exitCode, stderr)
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

/** SOURCE_DATE_EPOCH of our own environment would quietly overrule the options that were asked for. */
function ambient(): NodeJS.ProcessEnv {
  const { SOURCE_DATE_EPOCH: _, ...rest } = process.env
  return { ...rest, LC_ALL: 'C' }
}

interface Ended {
  readonly exitCode?: number | undefined
  readonly spawnError?: Error
}

function end(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (spawnError) => resolve({ spawnError }))
    child.once('close', (exitCode) => resolve({ exitCode: exitCode ?? undefined }))
  })
}

/** A tool that stops reading early has its reasons, and they are in its exit code; an input that breaks ends the tool. */
async function feed(child: ChildProcess, input: Readable | undefined): Promise<Error | undefined> {
  if (!input || !child.stdin) return undefined
  try {
    await pipeline(input, child.stdin)
    return undefined
  } catch (error) {
    const toolLeft = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    if (toolLeft || codeOf(error) === 'EPIPE') return undefined
    child.kill('SIGKILL')
    return error instanceof Error ? error : new Error(String(error))
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function isMissing(error: Error): boolean {
  return codeOf(error) === 'ENOENT'
}
