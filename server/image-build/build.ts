// From a recipe to kernel, initrd and squashfs root.
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { mksquashfs } from 'squashfs-tools-ts'
import { hostAptOptions, hostSources, recipeSources, toSourcesList } from './apt-sources.ts'
import { cacheKey } from './cache.ts'
import { customizeScript, essentialScript } from './customize-script.ts'
import { BuildError } from './errors.ts'
import { installFailure, mmdebstrapArguments } from './mmdebstrap.ts'
import { newestBefore } from './moment.ts'
import { type BuildProgress, overall, packageProgress } from './progress.ts'
import { loadRecipe, type Recipe } from './recipe.ts'
import { type Manifest, PART_FILES, readManifest, writeManifest } from './result.ts'
import { runContained } from './run.ts'
import { makeWorkDir } from './work-dir.ts'

export const HOOKS_DIR = path.join(import.meta.dirname, '../../initrd-hooks')

export interface BuildOptions {
  readonly recipePath: string
  /** Gets kernel, initrd, root.squashfs and build.json, all at once or not at all; what an earlier build left is replaced. */
  readonly outDir: string
  /** Instead of this machine's own apt sources and of the recipe's. */
  readonly mirror?: string | undefined
  /** Builds although nothing changed, for the newest packages. */
  readonly fresh?: boolean | undefined
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Build extends Manifest {
  /** Paths of the three parts. */
  readonly kernel: string
  readonly initrd: string
  readonly root: string
  /** Nothing had changed since an earlier build, which this is. */
  readonly cached: boolean
}

/**
 * Needs root: it installs packages into a tree of its own, in namespaces that end with it.
 * @throws {RecipeError} @throws {BuildError} @throws squashfs-tools-ts's errors, and the signal's reason when aborted
 */
export async function buildImage(options: BuildOptions): Promise<Build> {
  const { recipePath, outDir, signal, onProgress = () => {} } = options
  const recipe = await loadRecipe(recipePath)
  const recipeDir = path.dirname(path.resolve(recipePath))
  const key = await cacheKey(recipe, recipeDir, HOOKS_DIR, whatIsMade(recipe))
  const earlier = await readManifest(outDir)
  if (earlier?.key === key && !options.fresh) {
    onProgress({ phase: 'cached', percent: overall('cached', 1), words: `${recipe.name} is as it was built before` })
    return located(earlier, outDir, true)
  }
  if (process.getuid?.() !== 0) throw new BuildError('NOT_ROOT', 'building an image needs root')

  const work = await makeWorkDir(outDir)
  try {
    const parts = path.join(work, 'parts')
    await mkdir(parts)
    await installPackages({ recipe, recipeDir, work, parts, options, onProgress })
    await packRoot({ recipe, work, parts, onProgress, signal })
    const packages = await takePackages(parts)
    const manifest = await writeManifest(parts, { key, name: recipe.name, arguments: recipe.arguments, packages })
    signal?.throwIfAborted()
    await rm(outDir, { recursive: true, force: true })
    await rename(parts, outDir)
    onProgress({ phase: 'done', percent: overall('done', 1), words: `${recipe.name} is built` })
    return located(manifest, outDir, false)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Everything that is run for a recipe, but for the paths and the sources of this machine. */
export function whatIsMade(recipe: Recipe): string {
  const scripts = { essential: 'essential', customize: 'customize' }
  const places = { filesDir: 'files', hooksDir: 'hooks', outDir: 'parts' }
  const sourcesList = toSourcesList(recipeSources(recipe))
  return [
    essentialScript(),
    customizeScript({ recipe, sourcesList, ...places }),
    ...mmdebstrapArguments(recipe, 'tree', scripts, recipeSources(recipe), [])
  ].join('\n')
}

function located(manifest: Manifest, dir: string, cached: boolean): Build {
  const at = (file: string) => path.join(dir, file)
  return {
    ...manifest,
    kernel: at(PART_FILES.kernel),
    initrd: at(PART_FILES.initrd),
    root: at(PART_FILES.root),
    cached
  }
}

interface Install {
  readonly recipe: Recipe
  readonly recipeDir: string
  readonly work: string
  readonly parts: string
  readonly options: BuildOptions
  readonly onProgress: (progress: BuildProgress) => void
}

async function installPackages({ recipe, recipeDir, work, parts, options, onProgress }: Install): Promise<void> {
  const files = path.join(work, 'files')
  await mkdir(files)
  for (const [i, { text, source }] of recipe.files.entries()) {
    const target = path.join(files, String(i))
    if (source === undefined) await writeFile(target, text ?? '')
    else await copyFile(path.join(recipeDir, source), target)
  }
  const scripts = { essential: path.join(work, 'essential'), customize: path.join(work, 'customize') }
  const sourcesList = toSourcesList(recipeSources(recipe))
  await writeFile(scripts.essential, essentialScript(), { mode: 0o755 })
  await writeFile(
    scripts.customize,
    customizeScript({ recipe, filesDir: files, hooksDir: HOOKS_DIR, sourcesList, outDir: parts }),
    { mode: 0o755 }
  )
  const sources = options.mirror
    ? recipeSources(recipe, options.mirror)
    : ((await hostSources(recipe)) ?? recipeSources(recipe))
  const args = mmdebstrapArguments(recipe, path.join(work, 'tree'), scripts, sources, await hostAptOptions())
  const env = { SOURCE_DATE_EPOCH: String(recipe.sourceDateEpoch), TMPDIR: work }
  let customizing = false
  const report = packageProgress(onProgress)
  const ended = await runContained({
    tool: 'mmdebstrap',
    args,
    env,
    signal: options.signal,
    onLine(line) {
      customizing ||= line === 'I: rootcast customize'
      report(line)
    }
  }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new BuildError('TOOL_MISSING', 'setpriv is not installed (Debian package util-linux)')
      : error
  })
  if (ended.exitCode !== 0) throw installFailure(ended, customizing)
}

interface Pack {
  readonly recipe: Recipe
  readonly work: string
  readonly parts: string
  readonly onProgress: (progress: BuildProgress) => void
  readonly signal: AbortSignal | undefined
}

async function packRoot({ recipe, work, parts, onProgress, signal }: Pack): Promise<void> {
  const { compression, level, blockSizeKib } = recipe.squashfs
  const tree = path.join(work, 'tree')
  const sourceDateEpoch = await newestBefore(tree, path.join(work, 'customize'))
  await mksquashfs({
    source: tree,
    destination: path.join(parts, PART_FILES.root),
    compression,
    level,
    blockSizeBytes: blockSizeKib * 1024,
    sourceDateEpoch,
    signal,
    onProgress({ percent }) {
      onProgress({
        phase: 'squashfs',
        percent: overall('squashfs', percent / 100),
        words: `packing the root, ${percent} %`
      })
    }
  })
}

async function takePackages(parts: string): Promise<string[]> {
  const file = path.join(parts, 'packages')
  const text = await readFile(file, 'utf8')
  await rm(file)
  return text.trimEnd().split('\n').sort()
}
