// Where and when something was measured.
import { cpus, loadavg, release, totalmem } from 'node:os'
import { measuredCommit } from '../contenders/rootcast.ts'

export interface Circumstances {
  /** RFC 3339, UTC. */
  readonly at: string
  readonly commit: string
  readonly processor: string
  readonly cores: number
  readonly memoryGigabytes: number
  readonly kernel: string
  readonly node: string
  /** Of one minute, before anything was started: above 0.5 somebody else was using the machine too. */
  readonly loadBefore: number
}

export function circumstances(): Circumstances {
  const processors = cpus()
  return {
    at: new Date().toISOString(),
    commit: measuredCommit(),
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.versions.node,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2))
  }
}
