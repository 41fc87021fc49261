import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SCRATCH } from '../../../server/lab/namespace.ts'
import { mksquashfs } from '../../../server/squashfs-tools-ts/index.ts'

/** A squashfs of one file; resolves with its path. */
export async function layerOf(file: string, text: string): Promise<string> {
  const source = join(mkdtempSync(join(SCRATCH, 'layer-')), 'root')
  // The root directory of the topmost layer is everybody's root directory: not mkdtemp's, which is for root alone.
  mkdirSync(join(source, dirname(file)), { recursive: true, mode: 0o755 })
  writeFileSync(join(source, file), `${text}\n`)
  const destination = `${source}.squashfs`
  await mksquashfs({ source, destination })
  return destination
}
