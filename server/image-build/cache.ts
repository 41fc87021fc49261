// What a build is made of, as one digest: the same key gives the same image as far as the archive stands still.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Recipe } from './recipe.ts'

/**
 * @param made what the builder makes of the recipe: its scripts and command lines, so that a change to the builder counts
 */
export async function cacheKey(recipe: Recipe, recipeDir: string, hooksDir: string, made: string): Promise<string> {
  const hash = createHash('sha256').update(`${canonical(recipe)}\n${made}\n`)
  for (const { source } of recipe.files) {
    if (source !== undefined) add(hash, source, await readFile(path.join(recipeDir, source)))
  }
  for (const file of await filesBelow(hooksDir)) add(hash, file, await readFile(path.join(hooksDir, file)))
  return hash.digest('hex')
}

function add(hash: ReturnType<typeof createHash>, name: string, content: Buffer): void {
  hash.update(`${name}\n${content.length}\n`).update(content)
}

/** Pure: JSON with its keys in order, so that moving a line of a recipe rebuilds nothing. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part
  )
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .sort()
}
