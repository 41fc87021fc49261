// rootcast image build: a recipe becomes kernel, initrd and root.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import type { Build } from '../image-build/build.ts'
import { printMoved } from './channel.ts'
import {
  type ApiOptions,
  apiCommand,
  type Context,
  connect,
  examples,
  type Output,
  printFields,
  printJson
} from './context.ts'
import { CommandFailure } from './failure.ts'
import { stepProgress } from './progress.ts'
import { promote, publish, warn } from './publish.ts'

const IMAGES = path.join(import.meta.dirname, '../../images')

interface BuildOptions extends ApiOptions {
  readonly out?: string
  readonly mirror?: string
  readonly fresh?: boolean
  readonly publish?: boolean
  readonly image?: string
  readonly version?: string
  readonly notes?: string
  readonly promote?: string
}

export function buildCommand(context: Context): Command {
  return apiCommand(new Command('build'))
    .description('build an image from a recipe (needs root); what did not change is not built again')
    .argument('<recipe>', 'a recipe of images/, or the path of a recipe file')
    .option('--out <directory>', 'where kernel, initrd and root go (else: images/cache/RECIPE)')
    .option('--mirror <url>', 'a Debian mirror, instead of what the recipe or this machine uses')
    .option('--fresh', 'build although nothing changed, for the newest packages')
    .option('--publish', 'then publish it')
    .option('--image <name>', 'as this image (else: the name of the recipe)')
    .option('--version <version>', 'as this version (else: the time)')
    .option('--notes <text>', 'what is new in it')
    .option('--promote <channel>', 'then move this channel to it')
    .addHelpText(
      'after',
      examples('image build debian-minimal', 'image build debian-minimal --publish --image lab --promote stable')
    )
    .action(async (recipe: string, options: BuildOptions) => {
      const publishing = options.publish || options.promote !== undefined
      // Asked first, so that a missing token does not come to light after minutes of building.
      const client = publishing ? await connect(options, context) : undefined
      const build = await buildWithProgress(recipe, options, context)
      if (client === undefined) return print(build, options, context)

      const { kernel, initrd, root, name, arguments: args } = build
      const { image = name, version, notes } = options
      const publication = { image, version, notes, kernel, initrd, root: { layers: [root] }, arguments: args }
      const published = await publish(client, publication, context.stderr)
      if (options.json) printJson(context, published)
      else {
        printFields(context, { image, version: published.version, digest: published.digest })
        warn(published, context.stderr)
      }
      if (options.promote === undefined) return
      const moved = await promote(client, image, published.version, options.promote)
      if (!options.json) printMoved(moved, options, context)
    })
}

/** @param recipe a name under images/, or a path. */
export async function buildWithProgress(
  recipe: string,
  options: { readonly out?: string; readonly mirror?: string; readonly fresh?: boolean },
  { stderr, signal }: { readonly stderr: Output; readonly signal: AbortSignal }
): Promise<Build> {
  const recipePath = locateRecipe(recipe)
  const outDir = options.out ?? path.join(IMAGES, 'cache', path.basename(path.dirname(recipePath)))
  // Only here: no other command should wait for it to load.
  const { buildImage } = await import('../image-build/build.ts')
  const progress = stepProgress(stderr, `Building ${recipe}`, 100)
  try {
    const { mirror, fresh } = options
    return await buildImage({
      recipePath,
      outDir,
      mirror,
      fresh,
      signal,
      onProgress: ({ percent }) => progress.update(percent)
    })
  } finally {
    progress.stop()
  }
}

function locateRecipe(recipe: string): string {
  const candidates = [recipe, path.join(recipe, 'recipe.yaml'), path.join(IMAGES, recipe, 'recipe.yaml')]
  const found = candidates.find((candidate) => candidate.endsWith('.yaml') && existsSync(candidate))
  if (found !== undefined) return path.resolve(found)
  throw new CommandFailure('RECIPE_NOT_FOUND', `there is no recipe ${recipe}, neither as a file nor in ${IMAGES}`, 2)
}

function print(build: Build, options: ApiOptions, context: Context): void {
  const { name, kernel, initrd, root, cached } = build
  if (options.json) printJson(context, build)
  else printFields(context, { recipe: name, kernel, initrd, root, built: cached ? 'before; nothing changed' : 'now' })
}
