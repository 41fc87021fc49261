// The lab's network: a bridge that is the boot server's card, and one tap per client. Only ever made inside a network
// namespace of our own (namespace.ts), so there is nothing to take down and nothing of the machine's to disturb.
//
//   rootcast ── lan (bridge, 10.77.0.1/24) ─┬─ client1 (tap) ── QEMU
//                                           ├─ client2 (tap) ── QEMU
//                                           └─ port3 (veth) ── somebody else's DHCP server, in a namespace of its own
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { formatIpv4, type Ipv4, type Subnet } from '../net/ipv4.ts'
import { type Mac } from '../net/mac.ts'
import { run } from './command.ts'

export const BRIDGE = 'lan'

export interface NetworkOptions {
  /** Of the boot server, on the bridge. */
  readonly address: Ipv4
  readonly subnet: Subnet
  readonly clients: number
}

export interface Network {
  /** Interface names of the taps, one per client. */
  readonly taps: readonly string[]
}

export async function createNetwork({ address, subnet, clients }: NetworkOptions): Promise<Network> {
  // forward_delay 0: a bridge that listens and learns for 15 s swallows the firmware's first DISCOVERs.
  await run('ip', 'link', 'add', BRIDGE, 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0')
  await run('ip', 'address', 'add', `${formatIpv4(address)}/${subnet.prefix}`, 'dev', BRIDGE)
  await run('ip', 'link', 'set', BRIDGE, 'up')
  const taps = Array.from({ length: clients }, (_, i) => `client${i + 1}`)
  for (const tap of taps) {
    await run('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap')
    await run('ip', 'link', 'set', tap, 'master', BRIDGE, 'up')
  }
  return { taps }
}

/** Locally administered, and QEMU's own prefix, so that captures read well. `number` from 1. */
export function clientMac(number: number): Mac {
  return `52:54:00:77:00:${number.toString(16).padStart(2, '0')}`
}

/** Another machine on the bridge, as a network namespace with one card. */
export interface Neighbour {
  /** Runs a program there until it is killed, or the lab ends. */
  spawn(file: string, args: readonly string[]): ChildProcess
}

export async function addNeighbour(port: string, address: Ipv4, subnet: Subnet): Promise<Neighbour> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await once(holder.stdout, 'data') // from here on the namespace is there, and is the holder's
  const enter = ['--net', '--target', String(holder.pid), '--']
  await run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'card', 'netns', String(holder.pid))
  await run('ip', 'link', 'set', port, 'master', BRIDGE, 'up')
  await run('nsenter', ...enter, 'ip', 'address', 'add', `${formatIpv4(address)}/${subnet.prefix}`, 'dev', 'card')
  await run('nsenter', ...enter, 'ip', 'link', 'set', 'card', 'up')
  return {
    spawn: (file, args) => spawn('nsenter', [...enter, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  }
}
