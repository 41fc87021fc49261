// A server that takes part: how it is started for a purpose, and what it calls the files.
import { execFileSync } from 'node:child_process'
import type { ServerCommand } from '../lab/pinned.ts'
import type { ServedFile } from '../material.ts'

export interface Contender {
  readonly name: string
  readonly version: string
  /** Makes its configuration anew, with no state left from before. */
  readonly server: () => ServerCommand | Promise<ServerCommand>
  /** What it calls a file. */
  readonly nameOf: (file: ServedFile) => string
}

export const US = 'rootcast'
/** Without native code. */
export const US_PLAIN = 'rootcast, plain'

/** `dnsmasq-base` → `2.90`: as Debian numbers it, without epoch and revision. */
export function debianVersion(packageName: string): string {
  const status = execFileSync('dpkg-query', ['--status', packageName], { encoding: 'utf8' })
  const full = /^Version: (.*)$/m.exec(status)?.[1] ?? 'unknown'
  return full.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
}

export function plainName(file: ServedFile): string {
  return file.plainName
}
