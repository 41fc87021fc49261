// Running a tool of the system to its end, with what it said in the error when it failed.
import { execFile } from 'node:child_process'

/** A tool exited with something other than 0, or could not be started. */
export class CommandFailed extends Error {
  readonly code = 'LAB_COMMAND_FAILED'
  override readonly name = 'CommandFailed'
}

const DEADLINE_MS = 30_000

/** Resolves with standard output. */
export function run(file: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { timeout: DEADLINE_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new CommandFailed(`${[file, ...args].join(' ')}: ${stderr.trim() || error.message}`))
    })
  })
}
