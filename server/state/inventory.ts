// Hosts and groups: on disk first, then in memory, where every boot decision reads them without waiting.
import type { Group, Host, Inventory } from '../boot/model.ts'
import type { Clock } from '../clock.ts'
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import { recordAudit } from './audit.ts'
import { Conflict } from './conflict.ts'
import type { Database } from './database.ts'
import { deleteGroup, loadGroups, saveGroup } from './groups.ts'
import { deleteHost, insertHost, loadHosts } from './hosts.ts'
import { Turns } from './turns.ts'

export class StoredInventory implements Inventory {
  readonly #database: Database
  readonly #clock: Clock
  readonly #turns = new Turns()
  readonly #groups = new Map<string, Group>()
  readonly #hosts = new Map<string, Host>()
  readonly #byMac = new Map<Mac, Host>()
  readonly #byAddress = new Map<Ipv4, Host>()

  static async open(database: Database, clock: Clock): Promise<StoredInventory> {
    return new StoredInventory(database, clock, await loadGroups(database), await loadHosts(database))
  }

  private constructor(database: Database, clock: Clock, groups: readonly Group[], hosts: readonly Host[]) {
    this.#database = database
    this.#clock = clock
    for (const group of groups) this.#groups.set(group.name, group)
    for (const host of hosts) this.#remember(host)
  }

  host(mac: Mac): Host | undefined {
    return this.#byMac.get(mac)
  }

  group(name: string): Group | undefined {
    return this.#groups.get(name)
  }

  /** The host that an address is reserved for. */
  hostAt(address: Ipv4): Host | undefined {
    return this.#byAddress.get(address)
  }

  /** @param nameOrMac a host's name, or its MAC in any notation. */
  findHost(nameOrMac: string): Host | undefined {
    const mac = parseMac(nameOrMac)
    return mac === undefined ? this.#hosts.get(nameOrMac.toLowerCase()) : this.#byMac.get(mac)
  }

  /** By name. */
  hosts(): readonly Host[] {
    return sortedByName(this.#hosts.values())
  }

  /** By name. */
  groups(): readonly Group[] {
    return sortedByName(this.#groups.values())
  }

  /** Hosts and groups whose settings pin this version, each in words. */
  pinning(image: string, version: string): readonly string[] {
    const groups = this.groups().filter((group) => group.version === version && group.image === image)
    const hosts = this.hosts().filter((host) => host.version === version && this.#mayBoot(host, image))
    return [...groups.map(({ name }) => `group ${name}`), ...hosts.map(({ name }) => `host ${name}`)]
  }

  /** @throws Conflict: HOST_EXISTS, MAC_IN_USE, ADDRESS_IN_USE, GROUP_NOT_FOUND. */
  createHost(host: Host, actor: string): Promise<Host> {
    return this.#turns.take(async () => {
      this.#refuseConflicts(host, undefined)
      return this.#putHost(host, undefined, actor)
    })
  }

  /**
   * Puts `host` in the place of the one called `nameOrMac`, whose name it may change.
   * Undefined when there is none. Throws as createHost does.
   */
  replaceHost(nameOrMac: string, host: Host, actor: string): Promise<Host | undefined> {
    return this.#turns.take(async () => {
      const former = this.findHost(nameOrMac)
      if (!former) return undefined
      this.#refuseConflicts(host, former)
      return this.#putHost(host, former, actor)
    })
  }

  /** False when there is no such host. */
  removeHost(nameOrMac: string, actor: string): Promise<boolean> {
    return this.#turns.take(async () => {
      const host = this.findHost(nameOrMac)
      if (!host) return false
      await this.#database.transaction().execute(async (transaction) => {
        await deleteHost(transaction, host.name)
        await this.#audit(transaction, actor, 'host.remove', host.name, { mac: host.mac })
      })
      this.#forget(host)
      return true
    })
  }

  /** @throws Conflict: GROUP_EXISTS. */
  createGroup(group: Group, actor: string): Promise<Group> {
    return this.#turns.take(async () => {
      if (this.#groups.has(group.name)) {
        throw new Conflict('GROUP_EXISTS', `there is a group ${group.name} already`)
      }
      return this.#putGroup(group, 'group.create', actor)
    })
  }

  /** Undefined when there is no group of this name. */
  replaceGroup(group: Group, actor: string): Promise<Group | undefined> {
    return this.#turns.take(async () =>
      this.#groups.has(group.name) ? this.#putGroup(group, 'group.replace', actor) : undefined
    )
  }

  /**
   * False when there is no such group.
   * @throws Conflict: GROUP_IN_USE, with its hosts.
   */
  removeGroup(name: string, actor: string): Promise<boolean> {
    return this.#turns.take(async () => {
      if (!this.#groups.has(name)) return false
      const members = this.hosts().filter((host) => host.group === name)
      if (members.length > 0) {
        const users = members.map((host) => `host ${host.name}`)
        throw new Conflict('GROUP_IN_USE', `group ${name} still has ${count(members.length, 'host')}`, users)
      }
      await this.#database.transaction().execute(async (transaction) => {
        await deleteGroup(transaction, name)
        await this.#audit(transaction, actor, 'group.remove', name, {})
      })
      this.#groups.delete(name)
      return true
    })
  }

  /** Where neither host nor group names an image, another group may come to: then it may be any. */
  #mayBoot(host: Host, image: string): boolean {
    const group = host.group === undefined ? undefined : this.#groups.get(host.group)
    return (host.image ?? group?.image ?? image) === image
  }

  #refuseConflicts(host: Host, former: Host | undefined): void {
    const other = (found: Host | undefined) => (found && found !== former ? found : undefined)
    const sameName = other(this.#hosts.get(host.name))
    if (sameName) throw new Conflict('HOST_EXISTS', `there is a host ${host.name} already`, [`host ${host.name}`])
    const sameMac = other(this.#byMac.get(host.mac))
    if (sameMac) {
      throw new Conflict('MAC_IN_USE', `${host.mac} belongs to host ${sameMac.name}`, [`host ${sameMac.name}`])
    }
    const sameAddress = host.address === undefined ? undefined : other(this.#byAddress.get(host.address))
    if (sameAddress && host.address !== undefined) {
      const detail = `${formatIpv4(host.address)} is reserved for host ${sameAddress.name}`
      throw new Conflict('ADDRESS_IN_USE', detail, [`host ${sameAddress.name}`])
    }
    if (host.group !== undefined && !this.#groups.has(host.group)) {
      throw new Conflict('GROUP_NOT_FOUND', `there is no group ${host.group}`)
    }
  }

  async #putHost(host: Host, former: Host | undefined, actor: string): Promise<Host> {
    const action = former ? 'host.replace' : 'host.create'
    await this.#database.transaction().execute(async (transaction) => {
      if (former) await deleteHost(transaction, former.name)
      await insertHost(transaction, host)
      await this.#audit(transaction, actor, action, former?.name ?? host.name, { ...host })
    })
    if (former) this.#forget(former)
    this.#remember(host)
    return host
  }

  async #putGroup(group: Group, action: string, actor: string): Promise<Group> {
    await this.#database.transaction().execute(async (transaction) => {
      await saveGroup(transaction, group)
      await this.#audit(transaction, actor, action, group.name, { ...group })
    })
    this.#groups.set(group.name, group)
    return group
  }

  #audit(
    transaction: Database,
    actor: string,
    action: string,
    target: string,
    details: Record<string, unknown>
  ): Promise<void> {
    return recordAudit(transaction, { at: this.#clock.now(), actor, action, target, details })
  }

  #remember(host: Host): void {
    this.#hosts.set(host.name, host)
    this.#byMac.set(host.mac, host)
    if (host.address !== undefined) this.#byAddress.set(host.address, host)
  }

  #forget(host: Host): void {
    this.#hosts.delete(host.name)
    this.#byMac.delete(host.mac)
    if (host.address !== undefined) this.#byAddress.delete(host.address)
  }
}

function sortedByName<T extends { readonly name: string }>(values: Iterable<T>): readonly T[] {
  return [...values].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
