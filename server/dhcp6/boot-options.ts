// A boot answer as options (RFC 5970), for what asks: PXE firmware, UEFI HTTP boot, iPXE.
import type { BootAnswer } from '../boot/answer.ts'
import type { Ipv6 } from '../net/ipv6.ts'
import type { Facts6 } from './facts.ts'
import { pxeVendorClass, text } from './options.ts'
import type { Options6 } from './packet.ts'
import { OPTION } from './registry.ts'
import type { Dhcp6Config } from './settings.ts'

/**
 * Never option 60, the parameters: EDK2 takes the first of them for the file's length in blocks (PxeBcDhcp6.c).
 * The URL of an HTTP boot is never last: EDK2 reads on to a NUL (HttpBootDhcp6.c), which the next option's code begins with.
 */
export function bootOptions(answer: BootAnswer<Ipv6>, { vendor }: Facts6, mode: Dhcp6Config['mode']): Options6 {
  if (answer.kind !== 'boot' || answer.bootfile === '') return []
  const url = text(OPTION.bootfileUrl, answer.bootfile)
  // Without its class EDK2's HTTP boot takes the answer for one that only gives an address.
  if (vendor === 'HTTPClient') return [url, pxeVendorClass(vendor)]
  // With its class EDK2's PXE asks again on port 4011: needed beside another server's answer, a detour with an address.
  if (vendor === 'PXEClient' && mode === 'stateless') return [url, pxeVendorClass(vendor)]
  return [url]
}
