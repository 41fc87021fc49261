// rootcast image: published roots and their versions.
import { Command, Option } from 'commander'
import Type from 'typebox'
import { ChannelSchema, ImageSchema, VersionSchema } from '../http/schema.ts'
import { formatBytes, formatTime } from '../units.ts'
import { buildCommand } from './build.ts'
import { channelAt, printMoved } from './channel.ts'
import {
  type ApiOptions,
  apiCommand,
  type Context,
  collect,
  connect,
  examples,
  printFields,
  printJson,
  printLine,
  printTable
} from './context.ts'
import { CommandFailure } from './failure.ts'
import { type PublishedVersion, promote, publish, versionsOf, warn } from './publish.ts'

interface PublishOptions extends ApiOptions {
  readonly kernel: string
  readonly initrd: string
  readonly layer?: readonly string[]
  readonly root?: string
  readonly version?: string
  readonly notes?: string
  readonly argument?: readonly string[]
  readonly promote?: string
}

export function imageCommand(context: Context): Command {
  return new Command('image')
    .description('roots that machines boot, and their versions')
    .addCommand(publishCommand(context))
    .addCommand(list(context))
    .addCommand(show(context))
    .addCommand(promoteCommand(context))
    .addCommand(rollback(context))
    .addCommand(remove(context))
    .addCommand(buildCommand(context))
}

function publishCommand(context: Context): Command {
  return apiCommand(new Command('publish'))
    .description('publish a new version; nothing boots it until it is promoted')
    .argument('<image>', 'made when it is not there yet')
    .requiredOption('--kernel <file>', 'the kernel')
    .requiredOption('--initrd <file>', 'the initramfs')
    .option('--layer <file>', 'a squashfs layer, bottom first (repeatable)', collect)
    .addOption(new Option('--root <file>', 'a root as tar, tar.gz or tar.zst, instead of layers').conflicts('layer'))
    .option('--version <version>', 'what to call it (else: the time)')
    .option('--notes <text>', 'what is new in it')
    .option('--argument <argument>', 'a kernel argument that it needs (repeatable)', collect)
    .option('--promote <channel>', 'then move this channel to it')
    .addHelpText(
      'after',
      examples(
        'image publish lab --kernel vmlinuz --initrd initrd.img --layer root.squashfs',
        'image publish lab --kernel vmlinuz --initrd initrd.img --root root.tar.zst --version 2026-11-21.1 --promote testing'
      )
    )
    .action(async (image: string, options: PublishOptions) => {
      const root = options.root === undefined ? { layers: options.layer ?? [] } : { tar: options.root }
      if ('layers' in root && root.layers.length === 0) {
        throw new CommandFailure('ROOT_MISSING', 'give the root: --layer FILE (one or more), or --root FILE', 2)
      }
      const { kernel, initrd, version, notes, argument = [] } = options
      const client = await connect(options, context)
      const publication = { image, version, kernel, initrd, root, notes, arguments: argument }
      const published = await publish(client, publication, context.stderr)
      printVersion(published, options, context)
      if (!options.json) warn(published, context.stderr)
      if (options.promote === undefined) return
      const moved = await promote(client, image, published.version, options.promote)
      if (!options.json) printMoved(moved, options, context)
    })
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list images, or the versions of one')
    .argument('[image]')
    .addHelpText('after', examples('image list', 'image list lab', 'image list lab --json'))
    .action(async (image: string | undefined, options: ApiOptions) => {
      await (image === undefined ? listImages(options, context) : listVersions(image, options, context))
    })
}

async function listImages(options: ApiOptions, context: Context): Promise<void> {
  const images = await (await connect(options, context)).get('/images', Type.Array(ImageSchema))
  if (options.json) return printJson(context, images)
  printTable(
    context,
    images,
    [
      { title: 'image', value: (image) => image.name },
      { title: 'versions', value: (image) => image.versions.length, align: 'right' },
      { title: 'newest', value: (image) => image.versions[0] },
      {
        title: 'channels',
        value: (image) => image.channels.map(({ channel, version }) => `${channel}=${version}`).join(' ') || undefined
      }
    ],
    'No images yet: rootcast image publish'
  )
}

async function listVersions(image: string, options: ApiOptions, context: Context): Promise<void> {
  const client = await connect(options, context)
  const versions = await client.get(versionsOf(image), Type.Array(VersionSchema))
  if (options.json) return printJson(context, versions)
  const { channels } = await client.get(`/images/${encodeURIComponent(image)}`, ImageSchema)
  const channelsAt = (version: string) => channels.filter((channel) => channel.version === version)
  printTable(
    context,
    versions,
    [
      { title: 'version', value: ({ version }) => version },
      { title: 'published', value: ({ publishedAt }) => formatTime(publishedAt) },
      { title: 'size', value: (version) => formatBytes(sizeBytes(version)), align: 'right' },
      {
        title: 'channels',
        value: ({ version }) =>
          channelsAt(version)
            .map(({ channel }) => channel)
            .join(' ') || undefined
      },
      { title: 'notes', value: ({ notes }) => notes.split('\n')[0] || undefined }
    ],
    `Image ${image} has no versions.`
  )
}

function show(context: Context): Command {
  return apiCommand(new Command('show'))
    .description('show an image, or one version of it')
    .argument('<image>')
    .argument('[version]')
    .addHelpText('after', examples('image show lab', 'image show lab 2026-11-21.1'))
    .action(async (image: string, version: string | undefined, options: ApiOptions) => {
      if (version === undefined) return listVersions(image, options, context)
      const path = `${versionsOf(image)}/${encodeURIComponent(version)}`
      const found = await (await connect(options, context)).get(path, VersionSchema)
      printVersion(found, options, context)
      if (!options.json) warn(found, context.stderr)
    })
}

function promoteCommand(context: Context): Command {
  return apiCommand(new Command('promote'))
    .description('move a channel to a version: the next boots get it, running machines keep theirs')
    .argument('<image>')
    .argument('<version>')
    .option('--channel <channel>', 'the channel', 'stable')
    .addHelpText(
      'after',
      examples('image promote lab 2026-11-21.1', 'image promote lab 2026-11-21.1 --channel testing')
    )
    .action(async (image: string, version: string, options: ApiOptions & { readonly channel: string }) => {
      printMoved(await promote(await connect(options, context), image, version, options.channel), options, context)
    })
}

function rollback(context: Context): Command {
  return apiCommand(new Command('rollback'))
    .description('move a channel back to where it was before')
    .argument('<image>')
    .option('--channel <channel>', 'the channel', 'stable')
    .addHelpText('after', examples('image rollback lab', 'image rollback lab --channel testing'))
    .action(async (image: string, options: ApiOptions & { readonly channel: string }) => {
      const path = `${channelAt(image, options.channel)}/rollback`
      printMoved(await (await connect(options, context)).post(path, {}, ChannelSchema), options, context)
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('delete a version that no channel, host, group or running machine uses')
    .argument('<image>')
    .argument('<version>')
    .addHelpText('after', examples('image remove lab 2026-11-20.3'))
    .action(async (image: string, version: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(`${versionsOf(image)}/${encodeURIComponent(version)}`)
      if (!options.json) printLine(context, `Removed ${image} ${version}.`)
    })
}

function printVersion(version: PublishedVersion, options: ApiOptions, context: Context): void {
  if (options.json) {
    printJson(context, version)
    return
  }
  const blob = ({ digest, sizeBytes }: PublishedVersion['kernel']) => `${digest}  ${formatBytes(sizeBytes)}`
  printFields(context, {
    image: version.image,
    version: version.version,
    digest: version.digest,
    published: formatTime(version.publishedAt),
    notes: version.notes || undefined,
    arguments: version.arguments.join(' ') || undefined,
    kernel: blob(version.kernel),
    initrd: blob(version.initrd),
    ...Object.fromEntries(version.layers.map((layer, i) => [`layer ${i + 1}`, blob(layer)]))
  })
}

function sizeBytes({ kernel, initrd, layers }: PublishedVersion): number {
  return [kernel, initrd, ...layers].reduce((sum, blob) => sum + blob.sizeBytes, 0)
}
