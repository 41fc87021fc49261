// Imported first by every end-to-end test: builds the image that the machines boot, while there is a network, and then
// runs the test file again in namespaces of its own. All that a test starts ends with it, whatever becomes of it.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import Type from 'typebox'
import Value from 'typebox/value'
import { insideEnvironment, isInside, NAMESPACE_COMMAND } from '../../../server/lab/namespace.ts'

const ROOT = join(import.meta.dirname, '../../..')
const IMAGE = 'debian-cloud'
const IMAGE_VARIABLE = 'ROOTCAST_E2E_IMAGE'

const Build = Type.Object({
  kernel: Type.String(),
  initrd: Type.String(),
  root: Type.String(),
  arguments: Type.Array(Type.String())
})

/** Nothing may be awaited before this: the other imports, tap among them, must not begin outside. */
if (!isInside(process.env)) {
  const [file, ...args] = [...NAMESPACE_COMMAND, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const env = insideEnvironment({ ...process.env, [IMAGE_VARIABLE]: build() })
  const { status, error } = spawnSync(file, args, { stdio: 'inherit', env })
  if (error) throw error
  process.exit(status ?? 1)
}

/** Quick when it was built before. Two tests that begin together don't build it twice. */
function build(): string {
  const cache = join(ROOT, 'images/cache')
  mkdirSync(cache, { recursive: true })
  const command = [process.execPath, join(ROOT, 'server/main.js'), 'image', 'build', IMAGE, '--json']
  const { status, stdout, error } = spawnSync('flock', [join(cache, `${IMAGE}.lock`), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8'
  })
  if (error) throw error
  if (status !== 0) throw new Error(`building ${IMAGE} ended with ${status}`)
  return stdout
}

/** Debian with its cloud kernel: about 106 MB of root, the smallest that logs in. */
export const CLOUD = Value.Parse(Build, JSON.parse(process.env[IMAGE_VARIABLE] ?? '{}'))
