// Results as JSON: each section is kept until it is run again.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../cache.ts'
import type { Aim, Comparison } from '../comparison.ts'
import type { Circumstances } from './machine.ts'

export const DOCS = path.join(ROOT, 'docs')
export const FIGURES = path.join(DOCS, 'benchmarks')
const FILE = path.join(FIGURES, 'results.json')

export interface SectionResult {
  readonly name: string
  readonly title: string
  /** As it was asked for: `npm run bench -- tftp --rounds 5`. */
  readonly command: string
  readonly tookSeconds: number
  readonly circumstances: Circumstances
  /** By name. */
  readonly versions: Readonly<Record<string, string>>
  readonly comparisons: readonly Comparison[]
  readonly aims: readonly Aim[]
}

export function readResults(): readonly SectionResult[] {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : []
}

/** In the given order of sections; answers with all that there are now. */
export function keepResult(result: SectionResult, order: readonly string[]): readonly SectionResult[] {
  const others = readResults().filter(({ name }) => name !== result.name)
  const all = [...others, result].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  mkdirSync(FIGURES, { recursive: true })
  writeFileSync(FILE, `${JSON.stringify(all, rounded, 2)}\n`)
  return all
}

/** Five figures say more than the measurement does. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
