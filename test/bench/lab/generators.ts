// The load generators: compiled when their source is newer, for Node would be slower than the servers it loads.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import path from 'node:path'
import { cacheDirectory } from '../cache.ts'

const SOURCE = path.join(import.meta.dirname, '../load')
const PARTS = {
  tftp: ['tftp-client', 'loop'],
  http: ['http-client', 'loop'],
  dhcp: ['dhcp-client', 'loop'],
  flood: ['loop'],
  storm: ['dhcp-client', 'tftp-client', 'http-client', 'loop']
} as const

/** The path of the program. */
export function generator(name: keyof typeof PARTS): string {
  const program = path.join(cacheDirectory('bin'), name)
  if (isFresh(program)) return program
  const sources = [name, ...PARTS[name]].map((part) => path.join(SOURCE, `${part}.c`))
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', program, ...sources], { stdio: 'inherit' })
  return program
}

function isFresh(program: string): boolean {
  if (!existsSync(program)) return false
  const made = statSync(program).mtimeMs
  return globSync('*.{c,h}', { cwd: SOURCE }).every((file) => statSync(path.join(SOURCE, file)).mtimeMs < made)
}

/** `{ clients: 10 }` as `--clients 10`. */
export function flags(options: Readonly<Record<string, string | number | undefined>>): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]))
}

/** Without the paths of this machine. */
export function displayed(command: readonly string[]): string {
  return command
    .map((word) =>
      word.replace(/^\/.*\/rootcast-bench\//, '').replace(/(^|\/)blobs\/sha256\/(.{8})[0-9a-f]*/, '$1blobs/sha256/$2…')
    )
    .join(' ')
}
