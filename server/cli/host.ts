// rootcast host: machines that we know.
import { Command } from 'commander'
import Type, { type Static } from 'typebox'
import { HostSchema } from '../http/schema.ts'
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

type Host = Static<typeof HostSchema>

interface HostOptions extends ApiOptions, SettingsOptions {
  readonly mac?: string
  readonly group?: string
  readonly address?: string
}

const at = (host: string) => `/hosts/${encodeURIComponent(host)}`

export function hostCommand(context: Context): Command {
  return new Command('host')
    .description('machines that are known by name')
    .addCommand(list(context))
    .addCommand(show(context))
    .addCommand(add(context))
    .addCommand(set(context))
    .addCommand(remove(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list hosts')
    .addHelpText('after', examples('host list', 'host list --json'))
    .action(async (options: ApiOptions) => {
      const hosts = await (await connect(options, context)).get('/hosts', Type.Array(HostSchema))
      if (options.json) return printJson(context, hosts)
      printTable(
        context,
        hosts,
        [
          { title: 'name', value: (host) => host.name },
          { title: 'mac', value: (host) => host.mac },
          { title: 'group', value: (host) => host.group },
          { title: 'address', value: (host) => host.address },
          { title: 'boots', value: describeBoot }
        ],
        'No hosts yet: rootcast host add NAME --mac MAC'
      )
    })
}

function show(context: Context): Command {
  return apiCommand(new Command('show'))
    .description('show a host')
    .argument('<host>', 'its name or its MAC')
    .addHelpText('after', examples('host show room1-pc01', 'host show 52:54:00:12:34:56'))
    .action(async (name: string, options: ApiOptions) => {
      print(await (await connect(options, context)).get(at(name), HostSchema), options, context)
    })
}

function add(context: Context): Command {
  return apiCommand(settingsOptions(identityOptions(new Command('add'))))
    .description('add a host')
    .argument('<name>')
    .addHelpText(
      'after',
      examples(
        'host add room1-pc01 --mac 52:54:00:12:34:56 --group room1',
        'host add teacher --mac 52:54:00:12:34:57 --address 10.0.0.9 --image lab --channel stable'
      )
    )
    .action(async (name: string, options: HostOptions & { readonly mac: string }) => {
      const host: Host = { name, mac: options.mac, ...given(options) }
      print(await (await connect(options, context)).post('/hosts', host, HostSchema), options, context)
    })
}

function set(context: Context): Command {
  return apiCommand(settingsOptions(identityOptions(new Command('set'), false)))
    .description('change a host; what is not named stays')
    .argument('<host>', 'its name or its MAC')
    .option('--name <name>', 'rename it')
    .addOption(unsetOption())
    .addHelpText(
      'after',
      examples('host set room1-pc01 --channel testing', 'host set room1-pc01 --unset channel image --argument quiet')
    )
    .action(async (name: string, options: HostOptions & { readonly name?: string; readonly unset?: string[] }) => {
      const client = await connect(options, context)
      const current = await client.get(at(name), HostSchema)
      const wanted = { ...given(options), ...(options.name && { name: options.name }) }
      print(await client.put(at(name), changed(current, wanted, options.unset), HostSchema), options, context)
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('forget a host')
    .argument('<host>', 'its name or its MAC')
    .addHelpText('after', examples('host remove room1-pc01'))
    .action(async (name: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(at(name))
      if (!options.json) printLine(context, `Forgot host ${name}.`)
    })
}

function identityOptions(command: Command, isNew = true): Command {
  const mac = '--mac <mac>'
  const withMac = isNew ? command.requiredOption(mac, 'its network card') : command.option(mac, 'its network card')
  return withMac
    .option('--group <name>', 'the group that it belongs to')
    .option('--address <address>', 'the address that it always gets')
}

function given(options: HostOptions): Partial<Host> {
  const { mac, group, address } = options
  return { ...(mac && { mac }), ...(group && { group }), ...(address && { address }), ...givenSettings(options) }
}

function print(host: Host, options: ApiOptions, context: Context): void {
  const { name, mac, group, address } = host
  if (options.json) printJson(context, host)
  else printFields(context, { name, mac, group, address, ...settingsFields(host) })
}
