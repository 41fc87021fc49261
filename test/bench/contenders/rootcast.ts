// rootcast itself: the whole daemon as `rootcast serve` runs it, with its default settings.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stringify } from 'yaml'
import packageJson from '../../../package.json' with { type: 'json' }
import { cacheDirectory, ROOT } from '../cache.ts'
import { RunningServer, type ServerCommand, until } from '../lab/pinned.ts'
import { BOOT_VERSION, IMAGE, type Material } from '../material.ts'
import { type Contender, US, US_PLAIN } from './contender.ts'

export const ADMIN_PORT = 8070

export interface RootcastSettings {
  readonly address: string
  /** Default: DHCP off. */
  readonly dhcp?: object
  /** Unknown machines boot the image of the material. */
  readonly boots?: boolean
  /** Beside what every contender has. */
  readonly tftp?: { readonly engine: 'plain' }
}

export function rootcast(material: Material, settings: RootcastSettings): Contender {
  return {
    name: settings.tftp?.engine === 'plain' ? US_PLAIN : US,
    version: `${packageJson.version} on Node ${process.versions.node}`,
    nameOf: (file) => file.name,
    server: () => prepare(material, settings)
  }
}

async function prepare(material: Material, settings: RootcastSettings): Promise<ServerCommand> {
  const directory = cacheDirectory('rootcast')
  rmSync(path.join(directory, 'state'), { recursive: true, force: true })
  const config = path.join(directory, 'rootcast.yaml')
  writeFileSync(config, stringify(configuration(material, settings)))
  const command = {
    // As config/rootcast.service does.
    command: [
      process.execPath,
      '--max-semi-space-size=2',
      path.join(ROOT, 'server/main.js'),
      'serve',
      '--config',
      config
    ],
    ready: [{ protocol: 'tcp', port: ADMIN_PORT }]
  } as const
  if (settings.boots) await assignImage(command, directory)
  return command
}

function configuration({ store }: Material, { address, dhcp, tftp }: RootcastSettings): object {
  return {
    stateDir: 'state',
    images: { store },
    dhcp: dhcp ?? { mode: 'off' },
    tftp: { addresses: [address], ...tftp },
    http: { boot: { address }, admin: { port: ADMIN_PORT } }
  }
}

/** In a first run of the daemon; what it keeps is there in the run that is measured. */
async function assignImage(command: ServerCommand, directory: string): Promise<void> {
  await using _daemon = await RunningServer.start(command)
  const tokenFile = path.join(directory, 'state/admin-token')
  await until('the first token', () => existsSync(tokenFile) && statSync(tokenFile).size > 0)
  const token = readFileSync(tokenFile, 'utf8').trim()
  const call = async (method: string, at: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${ADMIN_PORT}/api/v1/${at}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
    if (!response.ok) throw new Error(`${method} ${at}: ${response.status} ${await response.text()}`)
  }
  await call('PUT', `images/${IMAGE}/channels/stable`, { version: BOOT_VERSION })
  await call('POST', 'groups', { name: 'default', image: IMAGE, channel: 'stable' })
}

/** The commit that is measured, and whether anything in the servers differs from it. */
export function measuredCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'server') === '' ? '' : ', with changes'
  return `${git('rev-parse', '--short', 'HEAD')}${changed}`
}
