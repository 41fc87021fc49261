// rootcast lease: addresses that are granted.
import { Command } from 'commander'
import Type from 'typebox'
import { LeaseSchema } from '../http/schema.ts'
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

export function leaseCommand(context: Context): Command {
  return new Command('lease')
    .description('addresses that were granted by DHCP')
    .addCommand(list(context))
    .addCommand(remove(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list leases')
    .addHelpText('after', examples('lease list', 'lease list --json'))
    .action(async (options: ApiOptions) => {
      const leases = await (await connect(options, context)).get('/leases', Type.Array(LeaseSchema))
      if (options.json) return printJson(context, leases)
      printTable(
        context,
        leases,
        [
          { title: 'address', value: (lease) => lease.address },
          { title: 'mac', value: (lease) => lease.mac },
          { title: 'hostname', value: (lease) => lease.hostname },
          { title: 'state', value: (lease) => lease.state },
          { title: 'until', value: (lease) => formatTime(lease.expiresAt) },
          { title: 'pool', value: (lease) => lease.pool }
        ],
        'No leases.'
      )
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('take a lease away; its holder hears of it when it renews')
    .argument('<address>')
    .addHelpText('after', examples('lease remove 10.0.0.117'))
    .action(async (address: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(`/leases/${encodeURIComponent(address)}`)
      if (!options.json) printLine(context, `Took the lease of ${address} away.`)
    })
}
