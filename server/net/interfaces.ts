// What the kernel says of the network cards.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/** The MTU of the card that has this address; undefined when none has it or the kernel doesn't say. */
export function mtuOf(address: string): number | undefined {
  const name = interfaceOf(address)
  if (name === undefined) return undefined
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'))
    return Number.isSafeInteger(mtu) && mtu > 0 ? mtu : undefined
  } catch {
    return undefined // not Linux, or the card has just gone
  }
}

function interfaceOf(address: string): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((one) => one.address === address)) return name
  }
  return undefined
}

/** `0.0.0.0` becomes every IPv4 address that the machine has now, for sockets that must each have one of their own. */
export function localAddresses(addresses: readonly string[]): readonly string[] {
  const all = addresses.flatMap((address) => (address === '0.0.0.0' ? everyIpv4() : [address]))
  return [...new Set(all)]
}

function everyIpv4(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap(
    (addresses) => addresses?.filter((one) => one.family === 'IPv4').map((one) => one.address) ?? []
  )
}
