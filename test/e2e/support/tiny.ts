// Something to boot that is no system: firmware and loaders fetch it, and what they do on the way is all that is looked at.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PublishedVersion } from '../../../server/cli/publish.ts'
import { SCRATCH } from '../../../server/lab/namespace.ts'
import { layerOf } from './layer.ts'
import { tinyKernel } from './u-boot.ts'
import type { World } from './world.ts'

export const TINY = 'tiny'
/** An ARM64 one: a PC's loader refuses it once it is there. */
export const KERNEL = tinyKernel(400_000)
/** More than 65,535 blocks where a block is 16 bytes. */
export const INITRD = Buffer.concat([Buffer.from('070701'), randomBytes(1_100_000)])

export async function publishTiny(world: World): Promise<PublishedVersion> {
  const files = { kernel: join(SCRATCH, 'kernel'), initrd: join(SCRATCH, 'initrd') }
  writeFileSync(files.kernel, KERNEL)
  writeFileSync(files.initrd, INITRD)
  const root = { layers: [await layerOf('etc/tiny', 'tiny')] }
  return await world.publishFiles({ ...files, root, image: TINY, version: '1', arguments: ['quiet'] })
}
