// What a publisher should hear at once rather than see on thirty screens. Remarks in plain words; none of them refuses.
import type { Entry } from 'squashfs-tools-ts'
import { identifyKernel, initrdWarnings, kernelWarnings, readHead } from './lint-boot-files.ts'
import { DEPTH, type Merged, PLACES, rootWarnings } from './lint-root.ts'

const LONGEST_TEXT = 64 * 1024

/** Paths of the parts, wherever they are. */
export interface LintedFiles {
  readonly kernel: string
  readonly initrd: string
  /** Bottom first. */
  readonly layers: readonly string[]
}

export type LintTools = Pick<typeof import('squashfs-tools-ts'), 'list' | 'cat'>

/** Never rejects for what is in the files: a layer that can't be looked into is a remark too. */
export async function lint(files: LintedFiles, tools: LintTools, signal?: AbortSignal): Promise<readonly string[]> {
  const kernel = identifyKernel(await readHead(files.kernel))
  const bootFiles = [...kernelWarnings(kernel), ...initrdWarnings(await readHead(files.initrd))]
  return [...bootFiles, ...(await lintRoot(files.layers, kernel.release, tools, signal))]
}

async function lintRoot(
  images: readonly string[],
  kernelRelease: string | undefined,
  tools: LintTools,
  signal: AbortSignal | undefined
): Promise<readonly string[]> {
  try {
    const layers: Entry[][] = []
    for (const image of images) layers.push(await tools.list(image, { paths: PLACES, maxDepth: DEPTH, signal }))
    const readText = async ({ entry, layer }: Merged) => {
      const text = await tools.cat(images[layer] ?? '', entry.path, { maxBytes: LONGEST_TEXT, signal })
      return text.toString('utf8')
    }
    return await rootWarnings({ layers, kernelRelease, readText })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'TOOL_MISSING') return []
    const why = error instanceof Error ? error.message : String(error)
    return [`root: its layers could not be looked into (${why})`]
  }
}
