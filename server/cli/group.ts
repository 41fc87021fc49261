// rootcast group: hosts that share settings.
import { Command } from 'commander'
import Type, { type Static } from 'typebox'
import { GroupSchema } from '../http/schema.ts'
import {
  type ApiOptions,
  apiCommand,
  type Context,
  connect,
  examples,
  printFields,
  printJson,
  printLine,
  printTable
} from './context.ts'
import {
  changed,
  describeBoot,
  givenSettings,
  type SettingsOptions,
  settingsFields,
  settingsOptions,
  unsetOption
} from './settings.ts'

type Group = Static<typeof GroupSchema>
type GroupOptions = ApiOptions & SettingsOptions

const at = (group: string) => `/groups/${encodeURIComponent(group)}`

export function groupCommand(context: Context): Command {
  return new Command('group')
    .description('hosts that share settings: a room, for one')
    .addCommand(list(context))
    .addCommand(show(context))
    .addCommand(add(context))
    .addCommand(set(context))
    .addCommand(remove(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list groups')
    .addHelpText('after', examples('group list', 'group list --json'))
    .action(async (options: ApiOptions) => {
      const groups = await (await connect(options, context)).get('/groups', Type.Array(GroupSchema))
      if (options.json) return printJson(context, groups)
      printTable(
        context,
        groups,
        [
          { title: 'name', value: (group) => group.name },
          { title: 'boots', value: describeBoot },
          { title: 'loader', value: (group) => group.loader },
          { title: 'arguments', value: (group) => group.arguments?.join(' ') }
        ],
        'No groups yet: rootcast group add NAME --image IMAGE --channel CHANNEL'
      )
    })
}

function show(context: Context): Command {
  return apiCommand(new Command('show'))
    .description('show a group')
    .argument('<group>')
    .addHelpText('after', examples('group show room1'))
    .action(async (name: string, options: ApiOptions) => {
      print(await (await connect(options, context)).get(at(name), GroupSchema), options, context)
    })
}

function add(context: Context): Command {
  return apiCommand(settingsOptions(new Command('add')))
    .description('add a group; the one called default is for machines that nobody named')
    .argument('<name>')
    .addHelpText(
      'after',
      examples(
        'group add default --image lab --channel stable',
        'group add room1 --image lab --channel testing --loader ipxe'
      )
    )
    .action(async (name: string, options: GroupOptions) => {
      const group: Group = { name, ...givenSettings(options) }
      print(await (await connect(options, context)).post('/groups', group, GroupSchema), options, context)
    })
}

function set(context: Context): Command {
  return apiCommand(settingsOptions(new Command('set')))
    .description('change a group; what is not named stays')
    .argument('<group>')
    .addOption(unsetOption())
    .addHelpText('after', examples('group set room1 --channel stable', 'group set room1 --unset loader'))
    .action(async (name: string, options: GroupOptions & { readonly unset?: string[] }) => {
      const client = await connect(options, context)
      const group = changed(await client.get(at(name), GroupSchema), givenSettings(options), options.unset)
      print(await client.put(at(name), group, GroupSchema), options, context)
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('remove a group that has no hosts')
    .argument('<group>')
    .addHelpText('after', examples('group remove room1'))
    .action(async (name: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(at(name))
      if (!options.json) printLine(context, `Removed group ${name}.`)
    })
}

function print(group: Group, options: ApiOptions, context: Context): void {
  if (options.json) printJson(context, group)
  else printFields(context, { name: group.name, ...settingsFields(group) })
}
