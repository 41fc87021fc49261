// What the kernel says of the network cards.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

export interface NetworkInterface {
  readonly name: string
  /** Another one when a card goes and comes back under its name. */
  readonly index: number
  readonly mtu: number
  /** Switched on (`ip link set up`), whether or not a cable is in. */
  readonly up: boolean
  readonly loopback: boolean
  /** Dotted quads, the primary one first. */
  readonly ipv4: readonly string[]
  /** As RFC 5952 writes them, without a zone; only those that sockets can be bound to. */
  readonly ipv6: readonly string[]
}

/** Those that Node knows: up, with an address and a link. An index of 0 is not known. */
export function linkedInterfaces(): readonly NetworkInterface[] {
  return Object.entries(networkInterfaces()).map(([name, addresses = []]) => {
    const ofFamily = (wanted: 'IPv4' | 'IPv6') =>
      addresses.filter(({ family }) => family === wanted).map(({ address }) => address)
    return {
      name,
      index: numberFrom(`/sys/class/net/${name}/ifindex`) ?? 0,
      mtu: numberFrom(`/sys/class/net/${name}/mtu`) ?? 1500,
      up: true,
      loopback: addresses.some(({ internal }) => internal),
      ipv4: ofFamily('IPv4'),
      ipv6: ofFamily('IPv6')
    }
  })
}

/** The MTU of the card that has this address; undefined when none has it or the kernel doesn't say. */
export function mtuOf(address: string): number | undefined {
  const name = interfaceOf(address)
  return name === undefined ? undefined : numberFrom(`/sys/class/net/${name}/mtu`)
}

function numberFrom(file: string): number | undefined {
  try {
    const number = Number(readFileSync(file, 'utf8'))
    return Number.isSafeInteger(number) && number > 0 ? number : undefined
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
