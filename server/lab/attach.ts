// The terminal as a client's console, until Ctrl-] or the machine switches itself off.
import type { Machine } from './machine.ts'

const ESCAPE = '\x1d' // Ctrl-]

export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
}

export async function attachConsole(machine: Machine, { stdin, stdout }: Terminal): Promise<void> {
  stdout.write(`\nYou are on the console of ${machine.name}. Ctrl-] ends the lab.\n`)
  const unfollow = machine.console.follow((raw) => stdout.write(raw))
  const left = new Promise<void>((resolve) => {
    stdin.setEncoding('utf8').on('data', (keys: string) => {
      const end = keys.indexOf(ESCAPE)
      machine.console.write(end === -1 ? keys : keys.slice(0, end))
      if (end !== -1) resolve()
    })
  })
  // Raw: Ctrl-C belongs to the guest.
  if (stdin.isTTY) stdin.setRawMode(true)
  machine.console.write('stty echo; exec bash\r')
  await Promise.race([left, machine.off()])
  if (stdin.isTTY) stdin.setRawMode(false)
  unfollow()
}
