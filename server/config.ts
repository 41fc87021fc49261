// Reading the configuration: every mistake is reported at once, each with its path and its line.
import { constants, copyFile, readFile } from 'node:fs/promises'
import path from 'node:path'
import type * as v from 'valibot'
import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import {
  dhcp6Mistakes,
  dhcpMistakes,
  httpMistakes,
  ipv6Mistakes,
  subnetMistakes,
  tftpMistakes,
  udpMistakes
} from './config-rules.ts'
import { type Config, configEntries, configSchema, servedSubnetSchema } from './config-schema.ts'
import { decode, type Mistake, type Path } from './decode.ts'

export type { Config } from './config-schema.ts'

const CONFIG_DIR = path.join(import.meta.dirname, '../config')
export const DEFAULT_CONFIG_PATH = path.join(CONFIG_DIR, 'rootcast.yaml')
export const EXAMPLE_CONFIG_PATH = path.join(CONFIG_DIR, 'rootcast.example.yaml')

/** The configuration can't be used. The message has one line for each mistake. */
export class ConfigError extends Error {
  readonly code: 'CONFIG_INVALID' | 'CONFIG_NOT_FOUND' | 'CONFIG_UNREADABLE'
  readonly mistakes: readonly LocatedMistake[]

  constructor(code: ConfigError['code'], message: string, mistakes: readonly LocatedMistake[] = []) {
    super([message, ...mistakes.map((mistake) => `  ${formatMistake(mistake)}`)].join('\n'))
    this.name = 'ConfigError'
    this.code = code
    this.mistakes = mistakes
  }
}

export interface LocatedMistake {
  /** `dhcp.subnets[0].pools[1].from`; empty for the document itself. */
  readonly path: string
  readonly message: string
  /** From 1; undefined when the configuration did not come from text. */
  readonly line: number | undefined
}

/**
 * Reads and checks a YAML file. Relative paths in it count from the file's own directory.
 * @throws ConfigError
 */
export async function loadConfig(file: string): Promise<Config> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new ConfigError('CONFIG_NOT_FOUND', `${file}: no such file (copy ${EXAMPLE_CONFIG_PATH} there)`)
      : new ConfigError('CONFIG_UNREADABLE', `${file}: ${error.message}`)
  })
  return parseConfig(text, file)
}

/**
 * @param file names the text in messages, and its directory is where relative paths count from.
 * @throws ConfigError
 */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const syntax = document.errors.map((error) => ({
    path: '',
    message: error.message,
    line: lines.linePos(error.pos[0]).line
  }))
  // A key given twice leaves the rest readable, so that the other mistakes can be named too.
  const readable = document.errors.every((error) => error.code === 'DUPLICATE_KEY')
  const { config, mistakes: found } = read(readable ? (document.toJS() ?? {}) : {})
  const located = readable ? found.map((mistake) => locate(mistake, document, lines)) : []
  const mistakes = [...syntax, ...located].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  if (mistakes.length > 0 || config === undefined) {
    throw new ConfigError('CONFIG_INVALID', `${file} has ${count(mistakes)}`, mistakes)
  }
  return withPaths(config, path.dirname(path.resolve(file)))
}

/**
 * Checks a configuration given as a value, in the shape of the YAML file; what is left out takes its default.
 * Relative paths count from `baseDir`.
 * @throws ConfigError
 */
export function configFrom(value: object, baseDir: string = CONFIG_DIR): Config {
  const { config, mistakes } = read(value)
  if (config !== undefined) return withPaths(config, baseDir)
  const told = mistakes.map(({ path, message }) => ({ path: formatPath(path), message, line: undefined }))
  throw new ConfigError('CONFIG_INVALID', `the configuration has ${count(told)}`, told)
}

/** Makes `file` from the example; true when it was not there before. */
export async function makeConfigFromExample(file: string): Promise<boolean> {
  try {
    await copyFile(EXAMPLE_CONFIG_PATH, file, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function withPaths(config: Config, baseDir: string): Config {
  return {
    ...config,
    stateDir: path.resolve(baseDir, config.stateDir),
    images: { ...config.images, store: path.resolve(baseDir, config.images.store) }
  }
}

/** The configuration, unless there are mistakes. */
function read(given: unknown): { readonly config?: Config; readonly mistakes: readonly Mistake[] } {
  const { value, mistakes } = decode(configSchema, given)
  const all = [...mistakes, ...crossFieldMistakes(given)]
  return value !== undefined && all.length === 0 ? { config: value, mistakes: [] } : { mistakes: all }
}

/** Each rule looks only at what has the right shape, so that one mistake does not hide or invent others. */
function crossFieldMistakes(given: unknown): readonly Mistake[] {
  const sound = <const S extends v.GenericSchema>(schema: S, value: unknown) => decode(schema, value).value
  const subnets = member(member(given, 'dhcp'), 'subnets')
  const ofSubnets = (Array.isArray(subnets) ? subnets : []).flatMap((subnet: unknown, i) => {
    const served = sound(servedSubnetSchema, subnet)
    return served ? subnetMistakes(served, ['dhcp', 'subnets', i]) : []
  })
  const dhcp = sound(configEntries.dhcp, member(given, 'dhcp'))
  const dhcp6 = sound(configEntries.dhcp6, member(given, 'dhcp6'))
  const tftp = sound(configEntries.tftp, member(given, 'tftp'))
  const http = sound(configEntries.http, member(given, 'http'))
  return [
    ...ofSubnets,
    ...(dhcp ? dhcpMistakes(dhcp) : []),
    ...(dhcp6 ? dhcp6Mistakes(dhcp6) : []),
    ...(tftp ? tftpMistakes(tftp) : []),
    ...(http ? httpMistakes(http) : []),
    ...(dhcp && dhcp6 && tftp ? udpMistakes({ dhcp, dhcp6, tftp }) : []),
    ...(dhcp6 && http ? ipv6Mistakes({ dhcp6, http }) : [])
  ]
}

function locate({ path, message }: Mistake, document: Document.Parsed, lines: LineCounter): LocatedMistake {
  return { path: formatPath(path), message, line: lineOf(path, document, lines) }
}

/** The line of the key at `path`, or of the nearest thing around it that is there. */
function lineOf(path: Path, document: Document.Parsed, lines: LineCounter): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true)
    const last = path[depth - 1]
    const key = isMap(parent) ? parent.items.find((pair) => String(pair.key) === String(last))?.key : undefined
    const node: unknown = key ?? document.getIn(path.slice(0, depth), true)
    const range = node instanceof Object && 'range' in node && Array.isArray(node.range) ? node.range : undefined
    if (range) return lines.linePos(Number(range[0])).line
  }
  return undefined
}

function formatMistake({ path, message, line }: LocatedMistake): string {
  return [line === undefined ? undefined : `line ${line}`, path === '' ? undefined : path, message]
    .filter((part) => part !== undefined)
    .join(': ')
}

function formatPath(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
}

function member(value: unknown, key: string): unknown {
  return value instanceof Object && key in value ? Reflect.get(value, key) : undefined
}

function count(mistakes: readonly unknown[]): string {
  return mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`
}
