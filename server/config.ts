// Reading the configuration: every mistake is reported at once, each with its path and its line.
import { constants, copyFile, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { TSchema } from 'typebox'
import Value, { DecodeUnsafe, Pointer } from 'typebox/value'
import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import {
  dhcp6Mistakes,
  dhcpMistakes,
  httpMistakes,
  ipv6Mistakes,
  type Mistake,
  type Path,
  subnetMistakes,
  tftpMistakes,
  udpMistakes
} from './config-rules.ts'
import { type Config, ConfigSchema, type ServedSubnet, ServedSubnetSchema } from './config-schema.ts'
import { everyError } from './every-error.ts'

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
  const value: unknown = readable ? (document.toJS() ?? {}) : {}
  const located = readable ? mistakesIn(value).map((mistake) => locate(mistake, document, lines)) : []
  const mistakes = [...syntax, ...located].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  if (mistakes.length > 0) throw new ConfigError('CONFIG_INVALID', `${file} has ${count(mistakes)}`, mistakes)
  return decode(value, path.dirname(path.resolve(file)))
}

/**
 * Checks a configuration given as a value, in the shape of the YAML file; what is left out takes its default.
 * Relative paths count from `baseDir`.
 * @throws ConfigError
 */
export function configFrom(value: object, baseDir: string = CONFIG_DIR): Config {
  const mistakes = mistakesIn(value).map(({ path, message }) => ({ path: formatPath(path), message, line: undefined }))
  if (mistakes.length > 0) throw new ConfigError('CONFIG_INVALID', `the configuration has ${count(mistakes)}`, mistakes)
  return decode(value, baseDir)
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

function decode(value: unknown, baseDir: string): Config {
  const config = decoded<Config>(ConfigSchema, Value.Default(ConfigSchema, structuredClone(value)))
  return {
    ...config,
    stateDir: path.resolve(baseDir, config.stateDir),
    images: { ...config.images, store: path.resolve(baseDir, config.images.store) }
  }
}

function mistakesIn(given: unknown): readonly Mistake[] {
  const value = Value.Default(ConfigSchema, structuredClone(given))
  const mistakes = schemaMistakes(ConfigSchema, value)
  return [...mistakes, ...crossFieldMistakes(value, mistakes)]
}

/**
 * Of what the schema finds no fault with. `Value.Decode` would infer the type once more from so large a schema, which keeps
 * the compiler busy for ever: the type stands beside the schema and is named at the call.
 */
function decoded<T>(schema: TSchema, value: unknown): T {
  return DecodeUnsafe({}, schema, structuredClone(value)) as T
}

/** Each rule looks only at what the schema found no fault with, so that one mistake does not hide or invent others. */
function crossFieldMistakes(value: unknown, known: readonly Mistake[]): readonly Mistake[] {
  const sound = (at: Path) => !known.some((mistake) => startsWith(mistake.path, at) || startsWith(at, mistake.path))
  const { dhcp, dhcp6, tftp, http } = ConfigSchema.properties
  const at = (...path: Path) => Pointer.Get(value, toPointer(path))

  const subnets: unknown = at('dhcp', 'subnets')
  const ofSubnets = (Array.isArray(subnets) ? subnets : []).flatMap((subnet: unknown, i) => {
    const path = ['dhcp', 'subnets', i]
    return sound(path) ? subnetMistakes(decoded<ServedSubnet>(ServedSubnetSchema, subnet), path) : []
  })
  const soundDhcp = sound(['dhcp']) ? decoded<Config['dhcp']>(dhcp, at('dhcp')) : undefined
  const soundDhcp6 = sound(['dhcp6']) ? decoded<Config['dhcp6']>(dhcp6, at('dhcp6')) : undefined
  const soundTftp = sound(['tftp']) ? decoded<Config['tftp']>(tftp, at('tftp')) : undefined
  const soundHttp = sound(['http']) ? decoded<Config['http']>(http, at('http')) : undefined
  return [
    ...ofSubnets,
    ...(soundDhcp ? dhcpMistakes(soundDhcp) : []),
    ...(soundDhcp6 ? dhcp6Mistakes(soundDhcp6) : []),
    ...(soundTftp ? tftpMistakes(soundTftp) : []),
    ...(soundHttp ? httpMistakes(soundHttp) : []),
    ...(soundDhcp && soundDhcp6 && soundTftp
      ? udpMistakes({ dhcp: soundDhcp, dhcp6: soundDhcp6, tftp: soundTftp })
      : []),
    ...(soundDhcp6 && soundHttp ? ipv6Mistakes({ dhcp6: soundDhcp6, http: soundHttp }) : [])
  ]
}

function schemaMistakes(schema: TSchema, value: unknown): readonly Mistake[] {
  return everyError(schema, value).flatMap((error): Mistake[] => {
    const path = fromPointer(error.instancePath)
    switch (error.keyword) {
      case 'additionalProperties': // told once more, key by key, as `boolean`
        return []
      case 'boolean':
        return [{ path, message: `unknown key; known here: ${knownKeys(schema, error.schemaPath).join(', ')}` }]
      case 'required':
        return error.params.requiredProperties.map((key) => ({ path: [...path, key], message: 'is missing' }))
      case 'enum':
        return [{ path, message: `must be one of ${error.params.allowedValues.join(', ')}` }]
      default:
        return [{ path, message: error.message }]
    }
  })
}

function knownKeys(schema: TSchema, schemaPath: string): readonly string[] {
  const parent: unknown = Pointer.Get(schema, schemaPath.replace(/^#/, '').replace(/\/additionalProperties$/, ''))
  const properties = parent instanceof Object && 'properties' in parent ? parent.properties : undefined
  return properties instanceof Object ? Object.keys(properties) : []
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

function fromPointer(pointer: string): Path {
  const parts = pointer.split('/').slice(1)
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')))
}

function toPointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((part, i) => path[i] === part)
}

function count(mistakes: readonly unknown[]): string {
  return mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`
}
