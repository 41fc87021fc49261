// Which addresses a subnet may hand out by itself: its pools, less what can never be a client's. Knows no lease.
import { broadcastAddress, formatIpv4, type Ipv4, netmask } from '../net/ipv4.ts'
import type { AddressRange, DhcpSubnet } from './settings.ts'

interface Pool extends AddressRange {
  readonly name: string
}

export class AddressSpace {
  readonly size: number
  readonly #subnet: DhcpSubnet
  readonly #pools: readonly Pool[]
  readonly #excluded: Set<Ipv4>
  #nextPool = 0
  #nextIndex = 0

  constructor(subnet: DhcpSubnet) {
    this.#subnet = subnet
    this.#pools = subnet.pools.map(({ from, to }) => ({ from, to, name: `${formatIpv4(from)}-${formatIpv4(to)}` }))
    this.#excluded = new Set([subnet.router, subnet.serverAddress].filter((address) => address !== undefined))
    // RFC 3021: a /31 has no network and no broadcast address.
    if (subnet.subnet.prefix < 31) {
      this.#excluded.add(subnet.subnet.network).add(broadcastAddress(subnet.subnet))
    }
    this.size = subnet.pools.reduce((sum, pool) => sum + sizeOf(pool), 0)
  }

  exclude(address: Ipv4): void {
    this.#excluded.add(address)
  }

  inSubnet(address: Ipv4): boolean {
    const { network, prefix } = this.#subnet.subnet
    return (address & netmask(prefix)) >>> 0 === network
  }

  /** May it be a client's at all? */
  usable(address: Ipv4): boolean {
    return this.inSubnet(address) && !this.#excluded.has(address)
  }

  inPool(address: Ipv4): boolean {
    return this.usable(address) && this.poolName(address) !== undefined
  }

  /** `192.168.77.100-192.168.77.200` */
  poolName(address: Ipv4): string | undefined {
    return this.#pools.find((pool) => pool.from <= address && address <= pool.to)?.name
  }

  /** The address at `index`, counted through all the pools; `index` is taken modulo their size. */
  at(index: number): Ipv4 | undefined {
    let left = this.size === 0 ? 0 : index % this.size
    for (const pool of this.#pools) {
      if (left < sizeOf(pool)) return pool.from + left
      left -= sizeOf(pool)
    }
    return undefined
  }

  /** Each address of the pools once, then undefined for ever: all its calls together cost one walk. */
  next(): Ipv4 | undefined {
    for (;;) {
      const pool = this.#pools[this.#nextPool]
      if (!pool) return undefined
      const address = pool.from + this.#nextIndex
      this.#nextIndex += 1
      if (address <= pool.to) return address
      this.#nextPool += 1
      this.#nextIndex = 0
    }
  }
}

function sizeOf(pool: AddressRange): number {
  return Math.max(0, pool.to - pool.from + 1)
}
