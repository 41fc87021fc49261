// A world of the lab's own: new network, mount and process namespaces that end, with all that is in them, when we do.
//
//   this process ── setpriv ── unshare ── the same program again, as process 1 inside
//
// The kernel does the clearing away, so it needs no handler and can't be outrun: when this process dies, by kill -9 too,
// setpriv's parent-death signal ends unshare, whose own (--kill-child) ends process 1, and with process 1 every process
// of its namespace goes, then the network and the mounts that nobody uses any more.
import { type ChildProcess, spawn } from 'node:child_process'
import { run } from './command.ts'

const INSIDE = 'ROOTCAST_LAB_INSIDE'

/** A tmpfs of our own lies over it: what is written there is gone with the namespace. */
export const SCRATCH = '/dev/shm'

export const NAMESPACE_COMMAND = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
] as const

/** Is this the process inside? */
export function isInside(env: NodeJS.ProcessEnv): boolean {
  return env[INSIDE] === '1'
}

/** Environment for the process inside. */
export function insideEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, [INSIDE]: '1' }
}

/** Starts `command` in namespaces of its own, on our terminal. Killing the child with SIGKILL ends everything inside. */
export function spawnInside(command: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [file, ...args] = [...NAMESPACE_COMMAND, ...command]
  return spawn(file, args, { stdio: 'inherit', env: insideEnvironment(env) })
}

/** What process 1 does first: sysfs that shows this network and not the machine's, room to write, the loopback device. */
export async function settleInside(): Promise<void> {
  await run('mount', '-t', 'sysfs', '-o', 'ro', 'sysfs', '/sys')
  await run('mount', '-t', 'tmpfs', '-o', 'mode=0700', 'rootcast-lab', SCRATCH)
  await run('ip', 'link', 'set', 'lo', 'up')
}
