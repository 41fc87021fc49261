// May this user do what the configuration asks: open low ports, write the directories?
import { access, constants, readFile, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config.ts'
import { formatBytes } from '../units.ts'
import { type Finding, fine, wrong } from './finding.ts'
import { wantedPorts } from './ports.ts'

const CAP_NET_BIND_SERVICE = 10n
/** About two standard images. */
const LEAST_FREE_BYTES = 2_000_000_000

export interface PortRights {
  /** The effective capabilities, a bit each. */
  readonly capabilities: bigint
  /** net.ipv4.ip_unprivileged_port_start */
  readonly firstOpenPort: number
}

export async function examineRights(config: Config): Promise<readonly Finding[]> {
  const { stateDir, images } = config
  return [
    judgePortRights(config, await portRights()),
    await examineDirectory('state directory', stateDir, 'stateDir', 0),
    await examineDirectory('image store', images.store, 'images.store', LEAST_FREE_BYTES)
  ]
}

export function judgePortRights(config: Config, { capabilities, firstOpenPort }: PortRights): Finding {
  const subject = 'right to open low ports'
  const lowest = Math.min(...wantedPorts(config).map(({ port }) => port))
  if (lowest >= firstOpenPort) return fine(subject, `not needed: every port is ${firstOpenPort} or above`)
  if ((capabilities >> CAP_NET_BIND_SERVICE) & 1n) return fine(subject, 'CAP_NET_BIND_SERVICE')
  return wrong(subject, 'missing', 'run as root, or as a service with AmbientCapabilities=CAP_NET_BIND_SERVICE')
}

async function portRights(): Promise<PortRights> {
  const status = await readFile('/proc/self/status', 'utf8')
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(status) ?? []
  const start = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '1024')
  return { capabilities: BigInt(`0x${effective}`), firstOpenPort: Number(start) }
}

/** A directory that is not there yet is judged by the nearest one above it, where the daemon will make it. */
async function examineDirectory(
  what: string,
  directory: string,
  setting: string,
  leastFreeBytes: number
): Promise<Finding> {
  const subject = `${what} ${directory}`
  const nearest = await nearestExisting(directory)
  const writable = await access(nearest, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false
  )
  if (!writable) return wrong(subject, `${nearest} is not writable by this user`, `chown it, or set ${setting}`)
  const { bavail, bsize } = await statfs(nearest)
  const free = `${formatBytes(bavail * bsize)} free`
  return bavail * bsize < leastFreeBytes
    ? wrong(subject, `only ${free}`, `make room for images, or set ${setting} to a larger disk`)
    : fine(subject, `writable, ${free}`)
}

async function nearestExisting(directory: string): Promise<string> {
  const there = await access(directory).then(
    () => true,
    () => false
  )
  return there ? directory : nearestExisting(path.dirname(directory))
}
