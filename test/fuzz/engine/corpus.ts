// Inputs that are kept in the tree, one file each, named by what is in it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const CORPUS = path.join(import.meta.dirname, '../corpus')
const FAILURES = path.join(import.meta.dirname, '../failures')

export interface Kept {
  readonly file: string
  readonly input: Buffer
}

export function readCorpus(target: string): readonly Kept[] {
  const directory = path.join(CORPUS, target)
  if (!existsSync(directory)) return []
  const files = readdirSync(directory)
    .sort()
    .map((name) => path.join(directory, name))
  return files.map((file) => ({ file, input: readFileSync(file) }))
}

/** What is not among `inputs` goes. */
export function replaceCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const directory = path.join(CORPUS, target)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const input of inputs) writeFileSync(path.join(directory, nameOf(input)), input)
}

/** The path of the file, relative to the tree's root. */
export function writeFailure(target: string, input: Uint8Array): string {
  mkdirSync(FAILURES, { recursive: true })
  const file = path.join(FAILURES, `${target}-${nameOf(input)}`)
  writeFileSync(file, input)
  return path.relative(path.join(import.meta.dirname, '../../..'), file)
}

function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16)
}
