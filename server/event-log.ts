// What an administrator should read in the log of DHCP and boots: refusals and failures, each once and not once for each
// packet. The journal of boots has the rest.
import type { DhcpEvent } from './boot/journal.ts'
import type { Boot, BootEvent } from './boot/model.ts'
import type { Clock } from './clock.ts'
import { LineBudget } from './line-budget.ts'
import type { Log } from './log.ts'
import { formatAddress } from './net/address.ts'
import type { Mac } from './net/mac.ts'

/** A machine that is refused asks again and again: the same is said once in so long. */
const QUIET_MS = 10 * 60_000
/** Anybody on the network can invent machines: no more lines than this in a minute. */
const LINES_PER_MINUTE = 60

export interface EventLogOptions {
  readonly log: Log
  readonly clock: Clock
  /** The name of a machine, if it has one. */
  readonly hostOf: (mac: Mac) => string | undefined
}

export class EventLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #hostOf: EventLogOptions['hostOf']
  /** What was said when, the oldest first. */
  readonly #said = new Map<string, number>()
  readonly #budget: LineBudget

  constructor({ log, clock, hostOf }: EventLogOptions) {
    this.#log = log
    this.#clock = clock
    this.#hostOf = hostOf
    this.#budget = new LineBudget(LINES_PER_MINUTE, clock)
  }

  dhcp(event: DhcpEvent): void {
    const { kind, mac, detail } = event
    switch (kind) {
      case 'pool-empty':
        this.#warn(detail, { mac }, `DHCP: ${detail}; widen a pool in dhcp.subnets, or shorten leaseSeconds`)
        break
      case 'nak':
        this.#warn(`nak ${mac}`, this.#factsOf(event), `DHCP: refused ${detail}`)
        break
      case 'decline':
        this.#warn(`decline ${mac}`, this.#factsOf(event), `DHCP: ${detail}`)
        break
      case 'dropped':
        this.#warn(detail, { mac }, `DHCP: requests are dropped: ${detail}`)
        break
      default:
    }
  }

  boot({ outcome, step, detail }: BootEvent, { id, mac, host, state }: Boot): void {
    if (outcome !== 'failed' || state !== 'failed') return
    const [firstLine = ''] = detail.split('\n', 1)
    this.#warn(`${mac} ${step} ${firstLine}`, { mac, host, boot: id, step }, `boot failed: ${firstLine}`)
  }

  /** `until`: when a declined address may be given away again. */
  #factsOf({ mac, address, lease }: DhcpEvent): object {
    return {
      host: mac === undefined ? undefined : this.#hostOf(mac),
      mac,
      address: address === undefined ? undefined : formatAddress(address),
      until: lease && new Date(lease.until).toISOString()
    }
  }

  #warn(key: string, facts: object, line: string): void {
    const now = this.#clock.monotonic()
    this.#forget(now)
    if (this.#said.has(key)) return
    const room = this.#budget.take()
    if (room === 'just-full') this.#log.warn('too many machines are refused or fail to name each of them')
    if (room !== 'room') return
    this.#said.set(key, now)
    this.#log.warn(facts, line)
  }

  /** Keys stand in the order in which they were said, so what is over stands in front. */
  #forget(now: number): void {
    for (const [key, at] of this.#said) {
      if (now - at < QUIET_MS) return
      this.#said.delete(key)
    }
  }
}
