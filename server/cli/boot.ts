// rootcast boot: what machines are doing, and how far they got.
import { Command, Option } from 'commander'
import Type, { type Static } from 'typebox'
import { BootEventSchema, BootSchema } from '../http/schema.ts'
import { formatBytes, formatTime } from '../units.ts'
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

type BootEvent = Static<typeof BootEventSchema>

const BootWithEvents = Type.Object({ boot: BootSchema, events: Type.Array(BootEventSchema) })

interface ListOptions extends ApiOptions {
  readonly mac?: string
  readonly state?: string
  readonly limit: string
}

export function bootCommand(context: Context): Command {
  return new Command('boot')
    .description('boots: who booted what, and how far it got')
    .addCommand(list(context))
    .addCommand(show(context))
    .addCommand(watch(context))
}

function list(context: Context): Command {
  return apiCommand(new Command('list'))
    .description('list boots, newest first')
    .option('--mac <mac>', 'of this machine')
    .addOption(new Option('--state <state>', 'in this state').choices(['booting', 'running', 'failed', 'ended']))
    .option('--limit <number>', 'so many at most', '50')
    .addHelpText('after', examples('boot list', 'boot list --state failed', 'boot list --mac 52:54:00:12:34:56 --json'))
    .action(async (options: ListOptions) => {
      const { mac, state, limit } = options
      const query = new URLSearchParams({ limit, ...(mac && { mac }), ...(state && { state }) })
      const boots = await (await connect(options, context)).get(`/boots?${query}`, Type.Array(BootSchema))
      if (options.json) return printJson(context, boots)
      printTable(
        context,
        boots,
        [
          { title: 'id', value: (boot) => boot.id },
          { title: 'started', value: (boot) => formatTime(boot.startedAt) },
          { title: 'mac', value: (boot) => boot.mac },
          { title: 'host', value: (boot) => boot.host },
          { title: 'address', value: (boot) => boot.address },
          { title: 'state', value: (boot) => boot.state },
          { title: 'image', value: (boot) => boot.image && `${boot.image} ${boot.version}` }
        ],
        'No boots.'
      )
    })
}

function show(context: Context): Command {
  return apiCommand(new Command('show'))
    .description('show a boot and its timeline')
    .argument('<id>')
    .addHelpText('after', examples('boot show k3v9x2m4q7w1z8d5'))
    .action(async (id: string, options: ApiOptions) => {
      const path = `/boots/${encodeURIComponent(id)}`
      const found = await (await connect(options, context)).get(path, BootWithEvents)
      if (options.json) return printJson(context, found)
      const { boot, events } = found
      const { mac, host, address, arch, state, image, version } = boot
      const started = formatTime(boot.startedAt)
      printFields(context, { id, mac, host, address, arch, state, image, version, started })
      printLine(context, '')
      for (const event of events) printLine(context, formatEvent(event, event.at - boot.startedAt))
    })
}

function watch(context: Context): Command {
  return apiCommand(new Command('watch'))
    .description('show boot events as they happen, until Ctrl-C')
    .option('--mac <mac>', 'of this machine')
    .addHelpText('after', examples('boot watch', 'boot watch --mac 52:54:00:12:34:56', 'boot watch --json'))
    .action(async (options: ApiOptions & { readonly mac?: string }) => {
      const client = await connect(options, context)
      const query = options.mac ? `?${new URLSearchParams({ mac: options.mac })}` : ''
      for await (const event of client.events(`/boots/events${query}`, BootEventSchema)) {
        // One object a line, so that a reader need not wait for the end.
        printLine(context, options.json ? JSON.stringify(event) : `${event.mac}  ${formatEvent(event, undefined)}`)
      }
    })
}

/** @param sinceStartMs undefined: the time of day instead. */
function formatEvent({ at, step, outcome, detail, ...transfer }: BootEvent, sinceStartMs: number | undefined): string {
  const time = sinceStartMs === undefined ? formatTime(at) : `${(sinceStartMs / 1000).toFixed(1).padStart(7)} s`
  return `${time}  ${step.padEnd(9)}  ${outcome.padEnd(8)}${formatTransfer(transfer)}  ${detail}`.trimEnd()
}

function formatTransfer({
  doneBytes,
  totalBytes,
  bytesPerSecond
}: Pick<BootEvent, 'doneBytes' | 'totalBytes' | 'bytesPerSecond'>): string {
  if (doneBytes === undefined || totalBytes === undefined) return ''
  const share = doneBytes < totalBytes ? ` (${Math.floor((100 * doneBytes) / totalBytes)} %)` : ''
  const rate = bytesPerSecond === undefined ? '' : `, ${formatBytes(bytesPerSecond)}/s`
  return `  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${share}${rate}`
}
