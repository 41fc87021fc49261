// The DHCP servers that people use today, behind the bench's relay agent, with a pool of a given size.
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatIpv4, parseIpv4 } from '../../../server/net/ipv4.ts'
import { cacheDirectory } from '../cache.ts'
import { SERVER, SERVER_LINK, SUBNET } from '../lab/network.ts'
import type { ServerCommand } from '../lab/pinned.ts'
import type { Material } from '../material.ts'
import { type Contender, debianVersion, plainName } from './contender.ts'
import { rootcast } from './rootcast.ts'

const READY = [{ protocol: 'udp', port: 67 }] as const
const LEASE_SECONDS = 43_200

export interface Pool {
  readonly from: string
  readonly to: string
}

/** That many addresses. */
export function poolOf(size: number): Pool {
  const first = parseIpv4('10.77.16.0') ?? 0
  return { from: formatIpv4(first), to: formatIpv4(first + size - 1) }
}

/** Nobody but strangers asks in the bench, more of them than any limit against floods would let through. */
const UNLIMITED = { strangersPerSecond: 1_000_000, strangersPerSecondPerLink: 1_000_000 }

/** @param limits `default`: as rootcast comes. */
export function dhcpContenders(material: Material, pool: Pool, limits: 'default' | 'none'): readonly Contender[] {
  return [
    ours(material, pool, limits === 'none' ? UNLIMITED : {}),
    kea(pool),
    isc(pool, 'delayed'),
    isc(pool, 'synced'),
    dnsmasqDhcp(pool)
  ]
}

/** rootcast as the DHCP server of the bench's network. */
export function authoritative({ from, to }: Pool, limits: object = {}): object {
  return {
    mode: 'authoritative',
    limits,
    interfaces: [SERVER_LINK],
    subnets: [{ subnet: SUBNET, pools: [{ from, to }], leaseSeconds: LEASE_SECONDS }]
  }
}

function ours(material: Material, pool: Pool, limits: object): Contender {
  return rootcast(material, { address: SERVER, dhcp: authoritative(pool, limits), boots: true })
}

function kea(pool: Pool): Contender {
  return {
    name: 'Kea, memfile',
    version: debianVersion('kea-dhcp4-server'),
    nameOf: plainName,
    server: () => keaCommand(pool)
  }
}

function keaCommand({ from, to }: Pool): ServerCommand {
  const directory = emptied('kea')
  const config = path.join(directory, 'kea.json')
  const dhcp4 = {
    'interfaces-config': { interfaces: [SERVER_LINK], 'dhcp-socket-type': 'udp' },
    'lease-database': { type: 'memfile', persist: true, name: path.join(directory, 'leases.csv'), 'lfc-interval': 0 },
    'valid-lifetime': LEASE_SECONDS,
    subnet4: [{ subnet: SUBNET, pools: [{ pool: `${from} - ${to}` }] }],
    loggers: [{ name: 'kea-dhcp4', severity: 'ERROR', output_options: [{ output: 'stderr' }] }]
  }
  writeFileSync(config, JSON.stringify({ Dhcp4: dhcp4 }))
  const env = { KEA_PIDFILE_DIR: directory, KEA_LOCKFILE_DIR: directory }
  return { command: ['kea-dhcp4', '-c', config], ready: READY, env }
}

/** `synced`: its default, an fsync before each ACK. `delayed`: up to 28 ACKs share one, as PERFORMANCE tables have it. */
function isc(pool: Pool, mode: 'delayed' | 'synced'): Contender {
  return {
    name: mode === 'synced' ? 'ISC dhcpd, fsync per ACK' : 'ISC dhcpd, delayed-ack',
    version: debianVersion('isc-dhcp-server'),
    nameOf: plainName,
    server: () => iscCommand(pool, mode)
  }
}

function iscCommand({ from, to }: Pool, mode: 'delayed' | 'synced'): ServerCommand {
  const directory = emptied('isc')
  const leases = path.join(directory, 'leases')
  const config = path.join(directory, 'dhcpd.conf')
  const delayed = mode === 'delayed' ? 'delayed-ack 28;\nmax-ack-delay 5000;\n' : ''
  writeFileSync(leases, '')
  writeFileSync(
    config,
    `authoritative;
ping-check false;
default-lease-time ${LEASE_SECONDS};
max-lease-time ${LEASE_SECONDS};
${delayed}subnet 10.77.0.0 netmask 255.255.0.0 { range ${from} ${to}; }
`
  )
  const files = ['-cf', config, '-lf', leases, '-pf', path.join(directory, 'pid')]
  return { command: ['dhcpd', '-4', '-f', '-q', ...files, SERVER_LINK], ready: READY }
}

function dnsmasqDhcp(pool: Pool): Contender {
  return {
    name: 'dnsmasq',
    version: debianVersion('dnsmasq-base'),
    nameOf: plainName,
    server: () => ({ command: dnsmasqBoot(pool, []), ready: READY })
  }
}

/** dnsmasq with a pool, and whatever else it is to do. */
export function dnsmasqBoot({ from, to }: Pool, more: readonly string[]): readonly string[] {
  const directory = emptied('dnsmasq')
  return [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    '--port=0',
    '--log-facility=/dev/null',
    '--quiet-dhcp',
    '--no-ping', // or it waits for an echo before each offer
    '--dhcp-authoritative',
    '--dhcp-lease-max=100000', // of itself 1000
    `--dhcp-leasefile=${path.join(directory, 'leases')}`,
    `--interface=${SERVER_LINK}`,
    '--bind-interfaces',
    `--dhcp-range=${from},${to},255.255.0.0,${LEASE_SECONDS}`,
    ...more
  ]
}

function emptied(name: string): string {
  rmSync(cacheDirectory(name), { recursive: true })
  const directory = cacheDirectory(name)
  chmodSync(directory, 0o777) // some of them drop their rights first
  return directory
}
