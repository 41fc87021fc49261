// What an administrator says of DHCP, in our own values: the daemon maps its configuration file on to it.
import type { AdmissionLimits } from '../net/admission.ts'
import type { Ipv4, Subnet } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import type { Route } from './options.ts'
import type { OptionMap } from './packet.ts'
import { OPTION } from './registry.ts'

/** Both ends belong to it. */
export interface AddressRange {
  readonly from: Ipv4
  readonly to: Ipv4
}

export interface DhcpSubnet {
  readonly subnet: Subnet
  /** None: reservations only. */
  readonly pools: readonly AddressRange[]
  readonly leaseSeconds: number
  readonly router?: Ipv4 | undefined
  readonly dns?: readonly Ipv4[] | undefined
  readonly domain?: string | undefined
  readonly ntp?: readonly Ipv4[] | undefined
  readonly mtu?: number | undefined
  readonly routes?: readonly Route[] | undefined
  /** What we call ourselves to these clients; default: the receiving interface's address in this subnet. */
  readonly serverAddress?: Ipv4 | undefined
  /** Sent to everybody in the subnet, whatever they ask for. */
  readonly options?: OptionMap | undefined
}

export interface DhcpLimits extends AdmissionLimits {
  /** Addresses of a subnet that are kept for machines that were offered them; beyond, the oldest offer is made again. */
  readonly offersPerSubnet: number
}

export interface DhcpConfig {
  /** `authoritative` gives addresses; `proxy` adds boot options beside another server; `off` opens no socket. */
  readonly mode: 'authoritative' | 'proxy' | 'off'
  /** Names to listen on; none: every interface that is up and has an IPv4 address, but loopback. */
  readonly interfaces: readonly string[]
  /** They do not overlap. Proxy mode needs none. */
  readonly subnets: readonly DhcpSubnet[]
  /** The site-local option that carries the whole kernel command line. */
  readonly optionCode: number
  /**
   * How a UEFI machine is told its bootfile: at once, by PXE discovery control, or when it asks again on port 4011,
   * for firmware that passes over offers with discovery control.
   */
  readonly uefiBootfile: 'in-offer' | 'on-4011'
  /** How long an address is kept for a client that was offered it. */
  readonly offerMs: number
  /** How long an address rests after a client found it in use (DECLINE). */
  readonly quarantineMs: number
  readonly limits: DhcpLimits
  /** ACKs that may wait for the lease store; above it, requests are dropped and clients ask again. */
  readonly maxWaitingAcks: number
}

export const DHCP_DEFAULTS = {
  mode: 'proxy',
  interfaces: [],
  subnets: [],
  optionCode: OPTION.kernelLine,
  uefiBootfile: 'in-offer',
  offerMs: 60_000,
  quarantineMs: 600_000,
  limits: {
    strangersPerSecond: 500,
    strangersPerSecondPerLink: 200,
    packetsPerSecondPerMachine: 20,
    offersPerSubnet: 2048
  },
  maxWaitingAcks: 4096
} as const satisfies DhcpConfig

/** What the inventory says of addresses and names; asked once or twice for each packet, so it must be a look-up. */
export interface Reservations {
  reservation(mac: Mac): Ipv4 | undefined
  /** The other way round: whose address is this? */
  reservedFor(address: Ipv4): Mac | undefined
  hostname(mac: Mac): string | undefined
}

export const NO_RESERVATIONS: Reservations = {
  reservation: () => undefined,
  reservedFor: () => undefined,
  hostname: () => undefined
}
