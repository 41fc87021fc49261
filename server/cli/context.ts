// What every command has in common: where it writes, whom it asks, and how it is stopped.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { type Config, ConfigError, configFrom, DEFAULT_CONFIG_PATH, loadConfig } from '../config.ts'
import type { ApiClient } from './client.ts'
import { CommandFailure } from './failure.ts'
import { type Column, formatFields, formatTable } from './table.ts'

export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean }

/** The process as commands see it: tests pass their own. */
export interface Context {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal
}

export interface ApiOptions {
  readonly url?: string
  readonly token?: string
  readonly config?: string
  readonly json?: boolean
}

/** Adds the options of a command that asks the admin API. */
export function apiCommand(command: Command): Command {
  return command
    .option('--url <url>', 'the admin API (or ROOTCAST_URL; else the local configuration says)')
    .option('--token <token>', 'its bearer token (or ROOTCAST_TOKEN; else the local token file)')
    .option('--config <file>', 'the configuration file (or ROOTCAST_CONFIG)')
    .option('--json', 'print the answer as JSON')
}

export function configPath(given: string | undefined, { env }: Context): string {
  return given ?? env.ROOTCAST_CONFIG ?? DEFAULT_CONFIG_PATH
}

/** A client for the daemon that the options, the environment or the local configuration name. */
export async function connect(options: ApiOptions, context: Context): Promise<ApiClient> {
  // Only here: the daemon has no use for it.
  const { ApiClient } = await import('./client.ts')
  const { env, signal } = context
  const url = options.url ?? env.ROOTCAST_URL
  const token = options.token ?? env.ROOTCAST_TOKEN
  if (url !== undefined && token !== undefined) return new ApiClient({ url, token, signal })

  const config = await localConfig(configPath(options.config, context))
  return new ApiClient({ url: url ?? adminUrl(config), token: token ?? (await localToken(config)), signal })
}

/** The embedded defaults stand in for a file that nobody has made yet. */
async function localConfig(file: string): Promise<Config> {
  try {
    return await loadConfig(file)
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'CONFIG_NOT_FOUND' && file === DEFAULT_CONFIG_PATH) {
      return configFrom({})
    }
    throw error
  }
}

function adminUrl({ http: { admin } }: Config): string {
  return `http://${admin.address === '0.0.0.0' ? '127.0.0.1' : admin.address}:${admin.port}`
}

async function localToken({ stateDir }: Config): Promise<string> {
  const file = path.join(stateDir, 'admin-token')
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    const why = error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'not readable' : 'not there'
    throw new CommandFailure('TOKEN_MISSING', `no token: give --token or set ROOTCAST_TOKEN (${file} is ${why})`, 2)
  }
}

export function printLine({ stdout }: Context, line: string): void {
  stdout.write(`${line}\n`)
}

export function printJson({ stdout }: Context, value: unknown): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** `nothing` is said when there are no rows. */
export function printTable<T>(
  { stdout, env }: Context,
  rows: readonly T[],
  columns: readonly Column<T>[],
  nothing: string
): void {
  const bold = stdout.isTTY === true && !env.NO_COLOR
  stdout.write(`${rows.length === 0 ? nothing : formatTable(rows, columns, bold)}\n`)
}

export function printFields({ stdout }: Context, fields: Readonly<Record<string, string | number | undefined>>): void {
  stdout.write(`${formatFields(fields)}\n`)
}

/** For commander: an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

/** Examples at the end of a command's --help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ rootcast ${line}`).join('\n')}`
}
