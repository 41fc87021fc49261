// The command line: one file per noun, and one place where a failure becomes a line and an exit code.
import { Command, CommanderError } from 'commander'
import { type Context, examples } from './context.ts'
import { CommandFailure } from './failure.ts'

/** In the order of the help. Each loads what it needs when it is asked for: a daemon should not carry the image build. */
const NOUNS: Readonly<Record<string, () => Promise<(context: Context) => Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand,
  image: async () => (await import('./image.ts')).imageCommand,
  channel: async () => (await import('./channel.ts')).channelCommand,
  host: async () => (await import('./host.ts')).hostCommand,
  group: async () => (await import('./group.ts')).groupCommand,
  boot: async () => (await import('./boot.ts')).bootCommand,
  lease: async () => (await import('./lease.ts')).leaseCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  lab: async () => (await import('./lab.ts')).labCommand
}

const INTERRUPTED = 130
/** Errors of the parts that mean: something needed is missing, or was said wrongly. */
const MISSING = new Set([
  'CONFIG_INVALID',
  'CONFIG_NOT_FOUND',
  'CONFIG_UNREADABLE',
  'RECIPE_INVALID',
  'RECIPE_NOT_FOUND',
  'RECIPE_UNREADABLE',
  'NOT_ROOT',
  'TOOL_MISSING'
])

/** @returns the exit code: 0 done, 1 failed, 2 used wrongly or something needed is missing, 130 interrupted. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  const program = await buildProgram(argv, context)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (context.signal.aborted) return INTERRUPTED
    context.stderr.write(`rootcast: ${sentence(error)}\n`)
    return exitCodeOf(error)
  }
}

async function buildProgram([asked]: readonly string[], context: Context): Promise<Command> {
  const program = new Command('rootcast')
    .description('Boots diskless machines over the network.')
    .addHelpText('after', examples('serve', 'image list', 'host add room1-pc01 --mac 52:54:00:12:34:56', 'boot watch'))
  const known = asked === undefined ? undefined : NOUNS[asked]
  // Help, and what nobody knows, is answered with all of them.
  for (const load of known ? [known] : Object.values(NOUNS)) program.addCommand((await load())(context))
  return withOutput(program, context)
}

/** Commander writes where the context says, and throws instead of leaving the process. */
function withOutput(command: Command, context: Context): Command {
  command
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text)
    })
  for (const child of command.commands) withOutput(child, context)
  return command
}

/** What carries a code was foreseen and is one sentence; a bug shows where it is. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? error.message : (error.stack ?? error.message)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode
  return error instanceof Error && 'code' in error && MISSING.has(String(error.code)) ? 2 : 1
}
