// What a build leaves in its directory: kernel, initrd, root.squashfs, and build.json, which says what they are.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'

const Part = Type.Object({ digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), sizeBytes: Type.Integer() })

const Manifest = Type.Object({
  /** Of the recipe, its files and the hooks (cache.ts). */
  key: Type.String(),
  name: Type.String(),
  arguments: Type.Array(Type.String()),
  /** `<name> <architecture> <version>`, sorted. */
  packages: Type.Array(Type.String()),
  parts: Type.Object({ kernel: Part, initrd: Part, root: Part })
})
export type Manifest = Static<typeof Manifest>

export type PartName = keyof Manifest['parts']

/** What each part is called on disk. */
export const PART_FILES: Readonly<Record<PartName, string>> = {
  kernel: 'kernel',
  initrd: 'initrd',
  root: 'root.squashfs'
}
const PART_NAMES: readonly PartName[] = ['kernel', 'initrd', 'root']
const MANIFEST_FILE = 'build.json'

/** Hashes the parts in `dir` and writes build.json beside them. */
export async function writeManifest(dir: string, facts: Omit<Manifest, 'parts'>): Promise<Manifest> {
  const [kernel, initrd, root] = await Promise.all(PART_NAMES.map((name) => describe(path.join(dir, PART_FILES[name]))))
  const manifest = Value.Parse(Manifest, { ...facts, parts: { kernel, initrd, root } })
  await writeFile(path.join(dir, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`)
  return manifest
}

/** What an earlier build left in `dir`; undefined when there is none, or not all of it. */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  const text = await readFile(path.join(dir, MANIFEST_FILE), 'utf8').catch(absent)
  if (text === undefined) return undefined
  const value: unknown = parseJson(text)
  if (!Value.Check(Manifest, value)) return undefined
  for (const name of PART_NAMES) {
    const found = await stat(path.join(dir, PART_FILES[name])).catch(absent)
    if (found?.size !== value.parts[name].sizeBytes) return undefined
  }
  return value
}

async function describe(file: string): Promise<Static<typeof Part>> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash)
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes: (await stat(file)).size }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** A build.json cut short is no build. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
