// One line for each lease that changes hands. Renewals change none: they are told at level debug alone.
import type { DhcpEvent } from './boot/journal.ts'
import type { LeaseChange } from './boot/lease-change.ts'
import type { Clock } from './clock.ts'
import { LineBudget } from './line-budget.ts'
import type { Log } from './log.ts'
import { type Address, formatAddress } from './net/address.ts'
import type { Mac } from './net/mac.ts'

export interface LeaseLogOptions {
  readonly log: Log
  readonly clock: Clock
  /** The name of a machine, if it has one. */
  readonly hostOf: (mac: Mac) => string | undefined
}

type Told = Pick<DhcpEvent, 'mac' | 'address'> & { readonly lease: LeaseChange }

/** A school that is switched on is a few hundred machines; whoever invents machines gets no more lines than this. */
const LINES_PER_MINUTE = 1_000

export class LeaseLog {
  readonly #options: LeaseLogOptions
  readonly #changes: LineBudget
  readonly #renewals: LineBudget

  constructor(options: LeaseLogOptions) {
    this.#options = options
    this.#changes = new LineBudget(LINES_PER_MINUTE, options.clock)
    this.#renewals = new LineBudget(LINES_PER_MINUTE, options.clock)
  }

  /** What was declined or refused is told by EventLog, as a warning. */
  dhcp({ mac, address, lease }: DhcpEvent): void {
    if (lease === undefined || lease.what === 'declined') return
    const isRenewal = lease.what === 'renewed'
    const told = { lease, mac, address }
    if (!isRenewal) this.#tell('info', this.#changes, told)
    else if (this.#options.log.isLevelEnabled('debug')) this.#tell('debug', this.#renewals, told)
  }

  /** An administrator took it away. */
  revoked(address: Address, mac: Mac | undefined): void {
    const lease = { what: 'revoked', until: this.#options.clock.now(), formerMac: undefined } as const
    this.#tell('info', this.#changes, { lease, mac, address })
  }

  #tell(level: 'info' | 'debug', budget: LineBudget, { lease, mac, address }: Told): void {
    const { log, hostOf } = this.#options
    const { what, until, formerMac } = lease
    const room = budget.take()
    if (room === 'full') return
    if (room === 'just-full') {
      log.warn('too many leases change to name each of them; the metrics count them all')
      return
    }
    const facts = {
      host: mac === undefined ? undefined : hostOf(mac),
      mac,
      address: address === undefined ? undefined : formatAddress(address),
      until: new Date(until).toISOString(),
      formerMac
    }
    log[level](facts, `DHCP: lease ${what}`)
  }
}
