// Imported first by every end-to-end test that boots a system: builds the image that the machines boot, while there is a
// network, and then runs the test file again in namespaces of its own.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import Type from 'typebox'
import Value from 'typebox/value'
import { enter } from './enter.ts'

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
enter(() => ({ [IMAGE_VARIABLE]: build() }))

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
export function cloud(): Type.Static<typeof Build> {
  return Value.Parse(Build, JSON.parse(process.env[IMAGE_VARIABLE] ?? '{}'))
}
