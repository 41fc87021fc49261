// One line for each transfer that ended, by TFTP and HTTP alike.
import type { TransferReport, Transport } from './boot/model.ts'
import type { Clock } from './clock.ts'
import { LineBudget } from './line-budget.ts'
import type { Log } from './log.ts'
import { type Address, formatAddress } from './net/address.ts'
import type { Mac } from './net/mac.ts'

/** Who has an address, as far as that is known. */
export interface Who {
  readonly mac: Mac | undefined
  readonly host: string | undefined
}

export interface TransferLogOptions {
  readonly log: Log
  readonly clock: Clock
  readonly whoHas: (address: Address) => Who
}

/** Two hundred machines that boot within a minute take less. */
const DONE_PER_MINUTE = 3_000
const FAILED_PER_MINUTE = 300

export class TransferLog {
  readonly #options: TransferLogOptions
  readonly #done: LineBudget
  readonly #failed: LineBudget

  constructor(options: TransferLogOptions) {
    this.#options = options
    this.#done = new LineBudget(DONE_PER_MINUTE, options.clock)
    this.#failed = new LineBudget(FAILED_PER_MINUTE, options.clock)
  }

  transfer(report: TransferReport): void {
    const { outcome, unanswered } = report
    if (outcome === 'ok') this.#tell(report, 'info', this.#done)
    if (outcome === 'failed' && !unanswered) this.#tell(report, 'warn', this.#failed)
  }

  #tell(report: TransferReport, level: 'info' | 'warn', budget: LineBudget): void {
    const { log } = this.#options
    const room = budget.take()
    if (room === 'full') return
    if (room === 'just-full') log.warn('too many transfers to name each of them; the metrics count them all')
    else log[level](this.#factsOf(report), lineOf(report))
  }

  #factsOf({ name, client, sentBytes, durationMs, retransmissions, reason }: TransferReport): object {
    const seconds = durationMs / 1000
    const { mac, host } = client === undefined ? NOBODY : this.#options.whoHas(client)
    return {
      host,
      mac,
      address: client === undefined ? undefined : formatAddress(client),
      file: name,
      bytes: sentBytes,
      seconds: Number(seconds.toFixed(3)),
      mbPerSecond: Number((sentBytes / 1e6 / Math.max(seconds, 1e-3)).toFixed(1)),
      retransmissions,
      reason
    }
  }
}

const NOBODY: Who = { mac: undefined, host: undefined }
const PROTOCOLS: Readonly<Record<Transport, string>> = { http: 'HTTP', tftp: 'TFTP' }

function lineOf({ via, outcome }: TransferReport): string {
  return `${PROTOCOLS[via]}: transfer ${outcome === 'ok' ? 'done' : 'failed'}`
}
