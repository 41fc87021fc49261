// Raw options that say more than themselves: a lease lasts as long as its client was told, and the kernel's ip= argument
// and option 121 name the router that option 3 names.
import type { Ipv4 } from '../net/ipv4.ts'
import type { OptionMap } from './packet.ts'
import { OPTION } from './registry.ts'
import type { DhcpSubnet } from './settings.ts'

const NONE: OptionMap = new Map()

/** The subnet as it is for one machine, by the raw options of its own, its group's and the host's. Odd lengths say nothing. */
export function subnetFor<T extends DhcpSubnet>(subnet: T, ofMachine: OptionMap): T {
  const ofSubnet = subnet.options ?? NONE
  if (ofSubnet.size === 0 && ofMachine.size === 0) return subnet
  const raw = new Map([...ofSubnet, ...ofMachine])
  return {
    ...subnet,
    leaseSeconds: seconds(raw.get(OPTION.leaseTime)) ?? subnet.leaseSeconds,
    router: addresses(raw.get(OPTION.router))?.[0] ?? subnet.router,
    dns: addresses(raw.get(OPTION.dns)) ?? subnet.dns,
    ntp: addresses(raw.get(OPTION.ntp)) ?? subnet.ntp
  }
}

function seconds(value: Uint8Array | undefined): number | undefined {
  const given = value?.length === 4 ? addresses(value)?.[0] : undefined
  return given === 0 ? undefined : given
}

/** 32 bits each. */
function addresses(value: Uint8Array | undefined): readonly Ipv4[] | undefined {
  if (value === undefined || value.length === 0 || value.length % 4 !== 0) return undefined
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(4 * i))
}
