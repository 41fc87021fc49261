// A login shell on a client's serial console: what is true in the guest is asked of the guest itself.
import type { SerialConsole } from './console.ts'
import type { Deadlines } from './patience.ts'

export interface CommandResult {
  /** Standard output and error together, without the last line feed. */
  readonly output: string
  readonly status: number
}

// Not anchored at the end: the kernel may say something right after it.
const PROMPT = /\w@[\w.-]+:[^\n]*[#$] /

export class Shell {
  readonly #console: SerialConsole
  readonly #deadlines: Deadlines
  #commands = 0

  private constructor(console: SerialConsole, deadlines: Deadlines) {
    this.#console = console
    this.#deadlines = deadlines
  }

  /** Waits for the login prompt, where root is let in without being asked for a password. */
  static async open(console: SerialConsole, deadlines: Deadlines): Promise<Shell> {
    const wait = { timeoutMs: deadlines.loginMs, unless: /Kernel panic/ }
    await console.until(/login: root \(automatic login\)/, wait)
    await console.until(PROMPT, wait)
    const shell = new Shell(console, deadlines)
    await shell.#quieten()
    return shell
  }

  /** Runs one line of POSIX shell. Rejects when its end does not come in time. */
  async run(command: string): Promise<CommandResult> {
    const number = ++this.#commands
    // The quotes keep the markers out of the echo of this very line, where there is one.
    this.#console.write(
      `echo 'begin''-${number}'; { ${command}\n} 2>&1; status=$?; echo; echo 'end''-${number}' $status\r`
    )
    const [, output = '', status] = await this.#console.until(
      new RegExp(`begin-${number}\\n([^]*?)\\n?\\nend-${number} (\\d+)\\n`),
      { timeoutMs: this.#deadlines.commandMs }
    )
    return { output, status: Number(status) }
  }

  /** Standard output of a command that has to succeed. */
  async read(command: string): Promise<string> {
    const { output, status } = await this.run(command)
    if (status !== 0) throw new GuestCommandFailed(command, status, output)
    return output
  }

  /** A shell without line editing and prompts, on a terminal without echo, undisturbed by the kernel. */
  async #quieten(): Promise<void> {
    const wait = { timeoutMs: this.#deadlines.commandMs }
    this.#console.write('exec sh\r')
    // What is typed sooner, the old shell has read already and takes with it.
    await this.#console.until(/exec sh\n[#$] /, wait)
    this.#console.write("PS1= PS2=; stty -echo cols 4000; dmesg -n 1; echo 'qui''et'\r")
    await this.#console.until(/quiet\n/, wait)
  }
}

/** A command in the guest failed that must not. */
export class GuestCommandFailed extends Error {
  readonly code = 'LAB_GUEST_COMMAND_FAILED'
  constructor(command: string, status: number, output: string) {
    super(`in the guest, “${command}” exited with ${status}: ${output}`)
    this.name = 'GuestCommandFailed'
  }
}
