// rootcast channel: movable names for versions.
import { Command } from 'commander'
import Type, { type Static } from 'typebox'
import { ChannelMoveSchema, ChannelSchema } from '../http/schema.ts'
import { formatTime } from '../units.ts'
import {
  type ApiOptions,
  apiCommand,
  type Context,
  connect,
  examples,
  printJson,
  printLine,
  printTable
} from './context.ts'

type Channel = Static<typeof ChannelSchema>

export function channelsOf(image: string): string {
  return `/images/${encodeURIComponent(image)}/channels`
}

export function channelAt(image: string, channel: string): string {
  return `${channelsOf(image)}/${encodeURIComponent(channel)}`
}

export function channelCommand(context: Context): Command {
  return new Command('channel')
    .description('names like stable, that machines follow from version to version')
    .addCommand(list(context))
    .addCommand(show(context))
    .addCommand(set(context))
    .addCommand(history(context))
    .addCommand(remove(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list the channels of an image')
    .argument('<image>')
    .addHelpText('after', examples('channel list lab'))
    .action(async (image: string, options: ApiOptions) => {
      const channels = await (await connect(options, context)).get(channelsOf(image), Type.Array(ChannelSchema))
      if (options.json) return printJson(context, channels)
      printChannels(channels, context)
    })
}

function show(context: Context): Command {
  return apiCommand(new Command('show'))
    .description('show where a channel is')
    .argument('<image>')
    .argument('<channel>')
    .addHelpText('after', examples('channel show lab stable'))
    .action(async (image: string, channel: string, options: ApiOptions) => {
      const found = await (await connect(options, context)).get(channelAt(image, channel), ChannelSchema)
      if (options.json) return printJson(context, found)
      printChannels([found], context)
    })
}

function set(context: Context): Command {
  return apiCommand(new Command('set'))
    .description('move a channel to a version, or make it (as image promote does)')
    .argument('<image>')
    .argument('<channel>')
    .argument('<version>')
    .addHelpText('after', examples('channel set lab testing 2026-11-21.2'))
    .action(async (image: string, channel: string, version: string, options: ApiOptions) => {
      const moved = await (await connect(options, context)).put(channelAt(image, channel), { version }, ChannelSchema)
      printMoved(moved, options, context)
    })
}

function history(context: Context): Command {
  return apiCommand(new Command('history'))
    .description('show who moved a channel, when and where')
    .argument('<image>')
    .argument('<channel>')
    .addHelpText('after', examples('channel history lab stable'))
    .action(async (image: string, channel: string, options: ApiOptions) => {
      const path = `${channelAt(image, channel)}/history`
      const moves = await (await connect(options, context)).get(path, Type.Array(ChannelMoveSchema))
      if (options.json) return printJson(context, moves)
      printTable(
        context,
        moves,
        [
          { title: 'at', value: (move) => formatTime(move.at) },
          { title: 'what', value: (move) => move.kind },
          { title: 'from', value: (move) => move.from },
          { title: 'to', value: (move) => move.to },
          { title: 'by', value: (move) => move.actor }
        ],
        `Channel ${channel} of ${image} never moved.`
      )
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('remove a channel; its versions stay')
    .argument('<image>')
    .argument('<channel>')
    .addHelpText('after', examples('channel remove lab testing'))
    .action(async (image: string, channel: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(channelAt(image, channel))
      if (!options.json) printLine(context, `Removed channel ${channel} of ${image}.`)
    })
}

export function printMoved(channel: Channel, options: ApiOptions, context: Context): void {
  if (options.json) printJson(context, channel)
  else printLine(context, `${channel.image}: ${channel.channel} is now ${channel.version}.`)
}

function printChannels(channels: readonly Channel[], context: Context): void {
  printTable(
    context,
    channels,
    [
      { title: 'channel', value: (channel) => channel.channel },
      { title: 'version', value: (channel) => channel.version },
      { title: 'moved', value: (channel) => formatTime(channel.movedAt) }
    ],
    'No channels yet: rootcast image promote IMAGE VERSION'
  )
}
