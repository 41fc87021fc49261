// The command line: one file per noun, and one place where a failure becomes a line and an exit code.
import { Command, CommanderError } from 'commander'
import { bootCommand } from './boot.ts'
import { channelCommand } from './channel.ts'
import { type Context, examples } from './context.ts'
import { doctorCommand } from './doctor.ts'
import { CommandFailure } from './failure.ts'
import { groupCommand } from './group.ts'
import { hostCommand } from './host.ts'
import { imageCommand } from './image.ts'
import { labCommand } from './lab.ts'
import { leaseCommand } from './lease.ts'
import { serveCommand } from './serve.ts'
import { tokenCommand } from './token.ts'

const NOUNS = [
  serveCommand,
  imageCommand,
  channelCommand,
  hostCommand,
  groupCommand,
  bootCommand,
  leaseCommand,
  tokenCommand,
  doctorCommand,
  labCommand
]

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
  const program = buildProgram(context)
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

function buildProgram(context: Context): Command {
  const program = new Command('rootcast')
    .description('Boots diskless machines over the network.')
    .addHelpText('after', examples('serve', 'image list', 'host add room1-pc01 --mac 52:54:00:12:34:56', 'boot watch'))
  for (const noun of NOUNS) program.addCommand(noun(context))
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
