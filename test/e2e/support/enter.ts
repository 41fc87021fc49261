// An end-to-end test runs in namespaces of its own. All that it starts ends with it, whatever becomes of it.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { insideEnvironment, isInside, NAMESPACE_COMMAND } from '../../../server/lab/namespace.ts'

/**
 * Outside, runs this very test file again, inside, and ends with its status; there it does nothing.
 *
 * @param prepare called outside, while there is a network: what it returns joins the environment inside
 */
export function enter(prepare: () => NodeJS.ProcessEnv = () => ({})): void {
  if (isInside(process.env)) return
  const [file, ...args] = [...NAMESPACE_COMMAND, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const env = insideEnvironment({ ...process.env, ...prepare() })
  const { status, error } = spawnSync(file, args, { stdio: 'inherit', env })
  if (error) throw error
  process.exit(status ?? 1)
}
