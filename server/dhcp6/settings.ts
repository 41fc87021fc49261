// What an administrator says of DHCPv6, in our own values: the daemon maps its configuration file on to it.
import type { AdmissionLimits } from '../net/admission.ts'
import type { Ipv6, Prefix6 } from '../net/ipv6.ts'

export interface Dhcp6Subnet {
  /** 64 bits long: the other 64 are the machine's. */
  readonly subnet: Prefix6
  readonly leaseSeconds: number
  readonly dns: readonly Ipv6[]
}

export interface Dhcp6Config {
  /** `authoritative` gives addresses; `stateless` adds boot options beside somebody else's. */
  readonly mode: 'authoritative' | 'stateless'
  /** Names to listen on; none: every interface that is up and has an IPv6 address, but loopback. */
  readonly interfaces: readonly string[]
  /** What clients are told to fetch from; default: an address of the interface that their packets come in on. */
  readonly serverAddress: Ipv6 | undefined
  /** Tell the links of our subnets that addresses come by DHCPv6, and which are neighbours. */
  readonly routerAdvertisements: boolean
  readonly limits: AdmissionLimits
  /** They do not overlap. Stateless mode needs none. */
  readonly subnets: readonly Dhcp6Subnet[]
}
