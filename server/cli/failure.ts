// How a command ends badly: one line for the reader, and an exit code for scripts.

/** 1: it was tried and failed. 2: the command was wrong, or something that it needs is not there. */
export type ExitCode = 1 | 2

export class CommandFailure extends Error {
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode = 1) {
    super(message)
    this.name = 'CommandFailure'
    this.code = code
    this.exitCode = exitCode
  }
}
