// The columns of every table. Moments are ms since 1970; IPv4 addresses are uint32; JSON is text.
import type { Generated } from 'kysely'
import type { Boot, BootEvent } from '../boot/model.ts'
import type { ChannelMove } from './channel-moves.ts'
import type { Scope } from './tokens.ts'

export interface Tables {
  readonly groups: GroupRow
  readonly hosts: HostRow
  readonly channels: ChannelRow
  readonly channel_moves: ChannelMoveRow
  readonly tokens: TokenRow
  readonly audit: AuditRow
  readonly leases: LeaseRow
  readonly leases6: Lease6Row
  readonly dhcp6_server: Dhcp6ServerRow
  readonly boots: BootRow
  readonly boot_events: BootEventRow
}

export interface GroupRow {
  name: string
  /** BootSettings. */
  settings: string
}

export interface HostRow {
  name: string
  mac: string
  group_name: string | null
  address: number | null
  /** BootSettings. */
  settings: string
}

export interface ChannelRow {
  image: string
  channel: string
  version: string
  moved_at: number
}

export interface ChannelMoveRow {
  id: Generated<number>
  image: string
  channel: string
  kind: ChannelMove['kind']
  from_version: string | null
  to_version: string | null
  actor: string
  at: number
}

export interface TokenRow {
  id: string
  name: string
  scope: Scope
  /** sha256 of the secret, hex. */
  hash: string
  created_at: number
  last_used_at: number | null
}

export interface AuditRow {
  id: Generated<number>
  at: number
  actor: string
  action: string
  target: string
  /** A flat object. */
  details: string
}

export interface LeaseRow {
  address: number
  mac: string
  client_id: string | null
  hostname: string | null
  state: 'bound' | 'declined' | 'released'
  expires_at: number
  updated_at: number
  pool: string
}

export interface Lease6Row {
  /** As RFC 5952 writes it. */
  address: string
  identity: string
  duid: string
  state: 'bound' | 'declined' | 'released'
  expires_at: number
  updated_at: number
}

/** One row. */
export interface Dhcp6ServerRow {
  /** Our DUID, in hex. */
  duid: string
}

export interface BootRow {
  id: string
  mac: string
  /** IPv4. */
  address: number | null
  /** IPv6, where the machine boots over that. */
  address6: string | null
  host: string | null
  arch: Boot['arch']
  state: Boot['state']
  image: string | null
  version: string | null
  started_at: number
  updated_at: number
}

export interface BootEventRow {
  id: Generated<number>
  boot_id: string
  mac: string
  at: number
  step: BootEvent['step']
  outcome: BootEvent['outcome']
  detail: string
  done_bytes: number | null
  total_bytes: number | null
  bytes_per_second: number | null
}
