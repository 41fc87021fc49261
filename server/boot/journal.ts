// What the journal of boots hears from the protocols, and what it asks of the database.
import type { Address } from '../net/address.ts'
import type { Mac } from '../net/mac.ts'
import type { LeaseChange } from './lease-change.ts'
import type { Arch, Boot, BootEvent, Stage } from './model.ts'

/** What DHCP tells of one packet, for the boot's timeline. */
export interface DhcpEvent {
  readonly kind: 'offer' | 'ack' | 'nak' | 'proxy-offer' | 'decline' | 'release' | 'pool-empty' | 'dropped'
  readonly mac: Mac | undefined
  readonly address: Address | undefined
  readonly stage: Stage
  readonly arch: Arch
  /** SMBIOS UUID, lower case with hyphens. */
  readonly uuid: string | undefined
  /** One line in plain words. */
  readonly detail: string
  /** What became of a lease; it is on disk. */
  readonly lease?: LeaseChange | undefined
}

export interface BootFilter {
  readonly mac?: Mac | undefined
  readonly state?: Boot['state'] | undefined
  readonly limit?: number | undefined
}

/** Keeps boots on disk. Writing is behind the caller's back but in order; reading sees what was written before. */
export interface BootStore {
  /** The boots that are not over: `booting` and `running`. */
  load(): Promise<readonly Boot[]>
  save(boot: Boot, event: BootEvent | undefined): void
  get(id: string): Promise<Boot | undefined>
  /** Newest first. */
  list(filter: BootFilter): Promise<readonly Boot[]>
  /** Oldest first. */
  events(bootId: string): Promise<readonly BootEvent[]>
  /** Resolves when everything saved so far is on disk. */
  flush(): Promise<void>
}
