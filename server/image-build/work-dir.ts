// Where a build works: beside what it will become, so that finishing is a rename.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** A new directory beside `outDir`. What earlier builds left that were killed outright is removed first. */
export async function makeWorkDir(outDir: string): Promise<string> {
  const target = path.resolve(outDir)
  await mkdir(path.dirname(target), { recursive: true })
  await sweep(target)
  return mkdtemp(`${target}.building-${process.pid}-`)
}

/** Those of living processes stay. */
async function sweep(target: string): Promise<void> {
  const [parent, prefix] = [path.dirname(target), `${path.basename(target)}.building-`]
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    const [pid] = name.slice(prefix.length).split('-')
    if (!existsSync(`/proc/${pid}`)) await rm(path.join(parent, name), { recursive: true, force: true })
  }
}
