// All that is measured, and what a scraper is told of it. Engines keep counts for themselves, which are read when somebody
// asks; what nobody else keeps, above all how long things take, is kept here.
import packageJson from '../package.json' with { type: 'json' }
import type { Boots } from './boot/boots.ts'
import type { TransferReport, Version } from './boot/model.ts'
import type { Clock } from './clock.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { HttpCounters } from './http/counters.ts'
import { BootMetrics } from './metrics/boots.ts'
import { DhcpMetrics, type MeasuredDhcp } from './metrics/dhcp.ts'
import { byLabel, expositionOf, type Format, gauge } from './metrics/exposition.ts'
import { HttpMetrics } from './metrics/http.ts'
import { collectImages } from './metrics/images.ts'
import { collectProcess, LoopLag } from './metrics/process.ts'
import { TftpMetrics } from './metrics/tftp.ts'
import type { TftpServer } from './tftp/server.ts'

/** What is read at each scrape. */
export interface Measured {
  readonly boots: Pick<Boots, 'states'>
  readonly http: HttpCounters
  /** Undefined when it is switched off. */
  readonly tftp: Pick<TftpServer, 'counters' | 'openFiles'> | undefined
  /** Undefined when it is switched off. */
  readonly dhcp: MeasuredDhcp | undefined
  /** Undefined when it is switched off. */
  readonly dhcp6: MeasuredDhcp | undefined
  readonly disks: Pick<DiskWatch, 'settings' | 'unwritable'>
  readonly images: { readonly directory: string; list(): readonly Version[] }
}

export class Metrics {
  readonly boots = new BootMetrics()
  readonly dhcp = new DhcpMetrics('dhcp')
  readonly dhcp6 = new DhcpMetrics('dhcp6')
  readonly http = new HttpMetrics()
  readonly tftp = new TftpMetrics()
  readonly #clock: Clock
  readonly #lag: LoopLag

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lag = new LoopLag(clock)
  }

  transfer(report: TransferReport): void {
    this[report.via].transfer(report)
  }

  async scrape({ boots, http, tftp, dhcp, dhcp6, disks, images }: Measured, format: Format): Promise<string> {
    const families = [
      ...(dhcp ? this.dhcp.collect(dhcp) : []),
      ...(dhcp6 ? this.dhcp6.collect(dhcp6) : []),
      ...(tftp ? this.tftp.collect(tftp) : []),
      ...this.http.collect(http),
      ...this.boots.collect(boots.states()),
      ...(await collectImages(images.list(), images.directory)),
      gauge('rootcast_directory_writable', 'Whether what is kept there can be written', writable(disks)),
      this.#lag.collect(),
      ...(await collectProcess(this.#clock, packageJson.version))
    ]
    return expositionOf(families, format)
  }

  close(): void {
    this.#lag.close()
  }
}

function writable({ settings, unwritable }: Measured['disks']) {
  return byLabel('setting', Object.fromEntries(settings.map((setting) => [setting, unwritable.has(setting) ? 0 : 1])))
}
