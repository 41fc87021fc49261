// Who holds a port, as /proc tells it: a port that we could bind may still be shared with another server.
import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { type Finding, fine, wrong } from './finding.ts'

export interface WantedPort {
  readonly face: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  /** How to get out of the way. */
  readonly setting: string
}

export interface Holder {
  readonly pid: number
  /** Its arguments, joined with spaces. */
  readonly command: string
}

/** Undefined: nobody. A holder that this user may not see is `hidden`. */
export type Held = Holder | 'hidden' | undefined

export function wantedPorts({ dhcp, dhcp6, tftp, http }: Config): readonly WantedPort[] {
  const setting = 'set dhcp.mode: off, or stop it'
  const ofDhcp = [
    { face: 'DHCP', protocol: 'udp' as const, port: 67, setting },
    { face: 'ProxyDHCP', protocol: 'udp' as const, port: 4011, setting }
  ]
  const setting6 = 'set dhcp6.mode: off, or stop it'
  const ofDhcp6 = [
    { face: 'DHCPv6', protocol: 'udp' as const, port: 547, setting: setting6 },
    ...(dhcp6.mode === 'stateless'
      ? [{ face: 'DHCPv6 boot server', protocol: 'udp' as const, port: 4011, setting: setting6 }]
      : [])
  ]
  return [
    ...(dhcp.mode === 'off' ? [] : ofDhcp),
    ...(dhcp6.mode === 'off' ? [] : ofDhcp6),
    ...(tftp.enabled ? [{ face: 'TFTP', protocol: 'udp' as const, port: tftp.port, setting: 'stop it' }] : []),
    { face: 'boot face', protocol: 'tcp', port: http.boot.port, setting: 'stop it, or set http.boot.port' },
    { face: 'admin face', protocol: 'tcp', port: http.admin.port, setting: 'stop it, or set http.admin.port' }
  ]
}

export async function examinePorts(config: Config): Promise<readonly Finding[]> {
  return Promise.all(wantedPorts(config).map(async (wanted) => judgePort(wanted, await holderOf(wanted))))
}

export function judgePort({ face, protocol, port, setting }: WantedPort, held: Held): Finding {
  const subject = `${protocol.toUpperCase()} port ${port} (${face})`
  if (held === undefined) return fine(subject, 'free')
  if (held === 'hidden')
    return wrong(subject, 'held by a process of another user', `run the doctor as root to see whose`)
  const words = `held by ${held.command} (pid ${held.pid})`
  return isRootcast(held) ? fine(subject, words) : wrong(subject, words, setting)
}

function isRootcast({ command }: Holder): boolean {
  return /(server\/main\.js|\brootcast) serve\b/.test(command)
}

export async function holderOf({ protocol, port }: Pick<WantedPort, 'protocol' | 'port'>): Promise<Held> {
  const tables = await Promise.all([`/proc/net/${protocol}`, `/proc/net/${protocol}6`].map(readOrEmpty))
  const inodes = new Set(tables.flatMap((table) => socketsOn(table, port, protocol)))
  return inodes.size === 0 ? undefined : ((await ownerOf(inodes)) ?? 'hidden')
}

const TCP_LISTEN = '0A'

/** The inodes of the sockets in a table of /proc/net that are bound to (for TCP: listen on) a port. */
export function socketsOn(table: string, port: number, protocol: 'tcp' | 'udp'): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    const bound = local?.endsWith(suffix) && (protocol === 'udp' || state === TCP_LISTEN)
    return bound && inode ? [inode] : []
  })
}

async function ownerOf(inodes: ReadonlySet<string>): Promise<Holder | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? []
      if (!inode || !inodes.has(inode)) continue
      const command = (await readOrEmpty(`/proc/${pid}/cmdline`)).split('\0').join(' ').trim()
      return { pid: Number(pid), command }
    }
  }
  return undefined
}

function readOrEmpty(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
