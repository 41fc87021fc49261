// Who is booting: the latest boot of every machine, found by MAC, by address and by boot id.
import type { Address } from '../net/address.ts'
import type { Mac } from '../net/mac.ts'
import type { NetworkFacts } from './answer.ts'
import type { ImagePlan, Version } from './model.ts'
import type { Progress } from './progress.ts'

export interface Entry {
  progress: Progress
  /** What DHCP last said of the client's address; undefined when another server gives it. */
  network: NetworkFacts | undefined
  /** What was decided when the version was pinned. */
  plan: ImagePlan | undefined
  /** Of a boot that an earlier run of this server pinned: its plan is gone, its version is not. */
  version: Version | undefined
  /** The kernel line that DHCP gave to this boot. */
  dhcpLine: string | undefined
  /** Check-ins have begun: the client itself tells how far its layers are. */
  checksIn: boolean
}

export function entryOf(progress: Progress, network: NetworkFacts | undefined): Entry {
  return { progress, network, plan: undefined, version: undefined, dhcpLine: undefined, checksIn: false }
}

/** Anybody on the network can invent MAC addresses: the roster forgets the machines that it has not heard of longest. */
export class Roster {
  readonly #limit: number
  /** So many too many are let be, and then forgotten together: to find a Map's oldest takes as long as many were deleted. */
  readonly #slack: number
  /** In the order in which the machines were last heard of. */
  readonly #byMac = new Map<Mac, Entry>()
  readonly #byId = new Map<string, Entry>()
  readonly #macByAddress = new Map<Address, Mac>()
  /** One of each family: a machine may boot over both. */
  readonly #addressByMac = { number: new Map<Mac, Address>(), string: new Map<Mac, Address>() }

  constructor(limit: number) {
    this.#limit = limit
    this.#slack = Math.floor(limit / 16)
  }

  get size(): number {
    return this.#byMac.size
  }

  entries(): Iterable<Entry> {
    return this.#byMac.values()
  }

  ofMac(mac: Mac): Entry | undefined {
    return this.#byMac.get(mac)
  }

  ofId(id: string): Entry | undefined {
    return this.#byId.get(id)
  }

  ofAddress(address: Address): Entry | undefined {
    const mac = this.#macByAddress.get(address)
    return mac === undefined ? undefined : this.#byMac.get(mac)
  }

  macOf(address: Address): Mac | undefined {
    return this.#macByAddress.get(address)
  }

  /** The machine has this address now, no other one of its family, and no other machine has it. */
  learn(mac: Mac, address: Address): void {
    const addressByMac = this.#addressesLike(address)
    const formerMac = this.#macByAddress.get(address)
    if (formerMac !== undefined) addressByMac.delete(formerMac)
    const formerAddress = addressByMac.get(mac)
    if (formerAddress !== undefined) this.#macByAddress.delete(formerAddress)
    this.#macByAddress.set(address, mac)
    addressByMac.set(mac, address)
    if (this.#macByAddress.size > this.#limit + this.#slack) this.#forgetOldestAddresses()
  }

  /** Takes the place of the machine's former boot. */
  add(entry: Entry): void {
    const { mac, id } = entry.progress.boot
    const former = this.#byMac.get(mac)
    if (former !== undefined) this.#byId.delete(former.progress.boot.id)
    this.#byMac.delete(mac)
    this.#byMac.set(mac, entry)
    this.#byId.set(id, entry)
    if (this.#byMac.size > this.#limit + this.#slack) this.#forgetOldest()
  }

  /** Moves the machine to the end of the queue of those that are forgotten first. */
  touch(entry: Entry): void {
    const { mac } = entry.progress.boot
    if (this.#byMac.get(mac) !== entry) return
    this.#byMac.delete(mac)
    this.#byMac.set(mac, entry)
  }

  /** A running machine pins its version: it goes last. */
  #forgetOldest(): void {
    for (const entry of this.#byMac.values()) {
      if (this.#byMac.size <= this.#limit) return
      if (entry.progress.boot.state !== 'running') this.#forget(entry)
    }
    for (const entry of this.#byMac.values()) {
      if (this.#byMac.size <= this.#limit) return
      this.#forget(entry)
    }
  }

  #forget({ progress: { boot } }: Entry): void {
    this.#byMac.delete(boot.mac)
    this.#byId.delete(boot.id)
  }

  #forgetOldestAddresses(): void {
    for (const [address, mac] of this.#macByAddress) {
      if (this.#macByAddress.size <= this.#limit) return
      this.#macByAddress.delete(address)
      this.#addressesLike(address).delete(mac)
    }
  }

  #addressesLike(address: Address): Map<Mac, Address> {
    return typeof address === 'number' ? this.#addressByMac.number : this.#addressByMac.string
  }
}
