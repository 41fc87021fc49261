// Where the bench keeps what it makes: compiled load generators, the files that are served, servers unpacked by hand.
import { mkdirSync } from 'node:fs'
import path from 'node:path'

export const ROOT = path.join(import.meta.dirname, '../..')
export const CACHE = path.join(ROOT, 'node_modules/.cache/rootcast-bench')

/** A directory of the cache; made when it isn't there. */
export function cacheDirectory(...names: readonly string[]): string {
  const directory = path.join(CACHE, ...names)
  mkdirSync(directory, { recursive: true })
  return directory
}
