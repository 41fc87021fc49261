// What the kernel says of the network cards.
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Ipv4, parseIpv4 } from './ipv4.ts'
import { type Ipv6, parseIpv6 } from './ipv6.ts'

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

function numberFrom(file: string): number | undefined {
  try {
    const number = Number(readFileSync(file, 'utf8'))
    return Number.isSafeInteger(number) && number > 0 ? number : undefined
  } catch {
    return undefined // not Linux, or the card has just gone
  }
}

/** An IPv4 address of the card that has this IPv6 address; undefined where there is none. */
export function ipv4Beside(address: Ipv6): Ipv4 | undefined {
  const card = Object.values(networkInterfaces()).find((own) => own?.some((one) => parseIpv6(one.address) === address))
  const beside = card?.find(({ family }) => family === 'IPv4')
  return beside && parseIpv4(beside.address)
}

/** An address that a socket can be bound to. */
export interface LocalAddress {
  /** A literal; of a link-local one with its zone: `fe80::1%eth0`. */
  readonly address: string
  /** Of the card that has it; undefined when none does, or that is not known. */
  readonly card: Pick<NetworkInterface, 'index' | 'mtu'> | undefined
}

/** Whether it stands for addresses that may come and go. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** `0.0.0.0` and `::` become every address of their family, for sockets that must each have one of their own. */
export function localAddresses(
  addresses: readonly string[],
  cards: readonly NetworkInterface[]
): readonly LocalAddress[] {
  const up = cards.filter((card) => card.up).flatMap(addressesOf)
  const every = {
    '0.0.0.0': up.filter(({ address }) => !isIPv6(address)),
    '::': up.filter(({ address }) => isIPv6(address))
  }
  const named = addresses.flatMap((address) =>
    address === '0.0.0.0' || address === '::'
      ? every[address]
      : [up.find((own) => own.address === address) ?? { address, card: undefined }]
  )
  return named.filter(({ address }, i) => named.findIndex((own) => own.address === address) === i)
}

function addressesOf(card: NetworkInterface): readonly LocalAddress[] {
  const zoned = card.ipv6.map((address) => (address.startsWith('fe80:') ? `${address}%${card.name}` : address))
  return [...card.ipv4, ...zoned].map((address) => ({ address, card }))
}
