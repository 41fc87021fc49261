// rootcast token: who may use the admin API.
import { Command, Option } from 'commander'
import Type from 'typebox'
import { CreatedTokenSchema, TokenSchema } from '../http/schema.ts'
import { SCOPES } from '../state/tokens.ts'
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

export function tokenCommand(context: Context): Command {
  return new Command('token')
    .description('bearer tokens of the admin API')
    .addCommand(list(context))
    .addCommand(add(context))
    .addCommand(remove(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list tokens (never their secrets)')
    .addHelpText('after', examples('token list'))
    .action(async (options: ApiOptions) => {
      const tokens = await (await connect(options, context)).get('/tokens', Type.Array(TokenSchema))
      if (options.json) return printJson(context, tokens)
      printTable(
        context,
        tokens,
        [
          { title: 'id', value: (token) => token.id },
          { title: 'name', value: (token) => token.name },
          { title: 'scope', value: (token) => token.scope },
          { title: 'created', value: (token) => formatTime(token.createdAt) },
          { title: 'last used', value: (token) => token.lastUsedAt && formatTime(token.lastUsedAt) }
        ],
        'No tokens.'
      )
    })
}

function add(context: Context): Command {
  return apiCommand(new Command('add'))
    .description('make a token; its secret is printed once, and kept nowhere')
    .argument('<name>', 'who or what it is for')
    .addOption(new Option('--scope <scope>', 'what it allows').choices(SCOPES).default('read'))
    .addHelpText(
      'after',
      examples('token add ci --scope publish', 'token add prometheus --scope metrics > rootcast.token')
    )
    .action(async (name: string, options: ApiOptions & { readonly scope: string }) => {
      const client = await connect(options, context)
      const made = await client.post('/tokens', { name, scope: options.scope }, CreatedTokenSchema)
      if (options.json) return printJson(context, made)
      // The secret alone goes to stdout, so that it can be kept in a file without being seen.
      printLine(context, made.token)
      context.stderr.write(`Token ${made.id} (${made.name}, ${made.scope}); it will not be shown again.\n`)
    })
}

function remove(context: Context): Command {
  return apiCommand(new Command('remove'))
    .description('remove a token; whoever uses it is refused from now on')
    .argument('<id>')
    .addHelpText('after', examples('token remove 7f3a9c'))
    .action(async (id: string, options: ApiOptions) => {
      await (await connect(options, context)).delete(`/tokens/${encodeURIComponent(id)}`)
      if (!options.json) printLine(context, `Removed token ${id}.`)
    })
}
