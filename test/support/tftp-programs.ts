// Foreign TFTP clients, one call each: the name on the server, the file to write.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Target } from './tftp-client.ts'

const run = promisify(execFile)

export interface Program {
  readonly what: string
  /** The command line. */
  command(at: Target, name: string, local: string): readonly [string, ...string[]]
}

export const tftpHpa: Program = {
  what: 'tftp-hpa',
  command: (at, name, local) => ['tftp', '-m', 'binary', at.address, String(at.port), '-c', 'get', name, local]
}

export const tftpHpaAscii: Program = {
  what: 'tftp-hpa in netascii',
  command: (at, name, local) => ['tftp', '-m', 'ascii', at.address, String(at.port), '-c', 'get', name, local]
}

export function atftp(...options: readonly string[]): Program {
  return {
    what: `atftp (${options.join(', ') || 'no options'})`,
    command: (at, name, local) => [
      'atftp',
      ...options.flatMap((option) => ['--option', option]),
      '--get',
      '-r',
      name,
      '-l',
      local,
      at.address,
      String(at.port)
    ]
  }
}

export function busyboxTftp(blksize?: number): Program {
  const size = blksize === undefined ? [] : ['-b', String(blksize)]
  return {
    what: `busybox tftp ${size.join(' ')}`.trim(),
    command: (at, name, local) => [
      'busybox',
      'tftp',
      '-g',
      ...size,
      '-r',
      name,
      '-l',
      local,
      at.address,
      String(at.port)
    ]
  }
}

export function curl(...options: readonly string[]): Program {
  return {
    what: `curl ${options.join(' ')}`.trim(),
    command: (at, name, local) => [
      'curl',
      '--silent',
      '--show-error',
      ...options,
      '--output',
      local,
      `tftp://${at.address}:${at.port}/${name}`
    ]
  }
}

/** Its library: the command line that comes with it takes no port. */
export function npmTftp(options: { readonly blockSize?: number; readonly windowSize?: number } = {}): Program {
  return {
    what: `npm tftp ${JSON.stringify(options)}`,
    command: (at, name, local) => {
      const where = JSON.stringify({ host: at.address, port: at.port, ...options })
      const files = `${JSON.stringify(name)}, ${JSON.stringify(local)}`
      const script = `require('tftp').createClient(${where}).get(${files}, (error) => { if (error) throw error })`
      return [process.execPath, '--eval', script]
    }
  }
}

/** Fetches to its end, at most `withinMs`, and answers with the digest of what the program wrote; rejects with its complaint. */
export async function fetchWith(
  program: Program,
  at: Target,
  name: string,
  local: string,
  withinMs = 60_000
): Promise<string> {
  const [command, ...args] = program.command(at, name, local)
  await run(command, args, { timeout: withinMs, killSignal: 'SIGKILL' })
  return digestOf(existsSync(local) ? readFileSync(local) : Buffer.alloc(0)) // npm tftp makes no file for an empty one
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
