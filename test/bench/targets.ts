// Lists of paths for the HTTP load generator.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheDirectory } from './cache.ts'

/** Writes one path a line, and answers with the file's name. */
export function targetsFile(name: string, targets: readonly string[]): string {
  const file = path.join(cacheDirectory('targets'), name)
  writeFileSync(file, `${targets.join('\n')}\n`)
  return file
}
