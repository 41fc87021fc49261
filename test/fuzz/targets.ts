// What there is to fuzz.
import { globSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Target } from './engine/target.ts'

export interface TargetModule {
  readonly module: string
  readonly target: string
}

export async function targetModules(): Promise<readonly TargetModule[]> {
  const directory = path.join(import.meta.dirname, 'targets')
  const found: TargetModule[] = []
  for (const file of globSync('*.ts', { cwd: directory }).sort()) {
    const module = pathToFileURL(path.join(directory, file)).href
    const { targets }: { targets: readonly Target[] } = await import(module)
    found.push(...targets.map(({ name }) => ({ module, target: name })))
  }
  return found
}
