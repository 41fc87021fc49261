// The lab's network: a switch, with the boot server's card in it and one tap per client. Only ever made inside a network
// namespace of our own (namespace.ts), so there is nothing to take down and nothing of the machine's to disturb.
//
//   rootcast ── lan (10.77.0.1/24, fd00:77::1/64) ── cable ─┬─ client1 (tap) ── QEMU
//                                                   switch   └─ client2 (tap) ── QEMU
import { formatIpv4, type Ipv4, type Subnet } from '../net/ipv4.ts'
import type { Ipv6 } from '../net/ipv6.ts'
import type { Mac } from '../net/mac.ts'
import { run } from './command.ts'

/** The boot server's card. */
export const CARD = 'lan'
/** A bridge. */
export const SWITCH = 'switch'

export interface NetworkOptions {
  /** Of the boot server. */
  readonly address: Ipv4
  readonly subnet: Subnet
  /** Of the boot server, on a /64. */
  readonly address6: Ipv6
  readonly clients: number
}

export interface Network {
  /** Interface names of the taps, one per client. */
  readonly taps: readonly string[]
}

export async function createNetwork({ address, subnet, address6, clients }: NetworkOptions): Promise<Network> {
  // forward_delay 0: a bridge that listens and learns for 15 s swallows the firmware's first DISCOVERs.
  await run('ip', 'link', 'add', SWITCH, 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0')
  // A bridge is a card of this host as well, and would answer ARP for the server's address in its card's place.
  await run('ip', 'link', 'set', SWITCH, 'arp', 'off', 'up')
  // The bridge itself as card would have no link, and so not be there for the daemon, until a client is powered on.
  await run('ip', 'link', 'add', CARD, 'type', 'veth', 'peer', 'name', 'cable')
  await run('ip', 'link', 'set', 'cable', 'master', SWITCH, 'up')
  await run('ip', 'address', 'add', `${formatIpv4(address)}/${subnet.prefix}`, 'dev', CARD)
  // Nobody else is here yet to have it, and the daemon starts at once.
  await run('ip', 'address', 'add', `${address6}/64`, 'dev', CARD, 'nodad')
  await run('ip', 'link', 'set', CARD, 'up')
  const taps = Array.from({ length: clients }, (_, i) => `client${i + 1}`)
  for (const tap of taps) {
    await run('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap')
    await run('ip', 'link', 'set', tap, 'master', SWITCH, 'up')
  }
  return { taps }
}

/** Locally administered, and QEMU's own prefix, so that captures read well. `number` from 1. */
export function clientMac(number: number): Mac {
  return `52:54:00:77:00:${number.toString(16).padStart(2, '0')}`
}
