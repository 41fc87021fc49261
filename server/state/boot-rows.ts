// Boots and their events as rows, and back.
import type { Insertable, Selectable } from 'kysely'
import type { Boot, BootEvent } from '../boot/model.ts'
import type { BootEventRow, BootRow } from './tables.ts'

export function toBootRow({ startedAt, updatedAt, address, host, image, version, ...boot }: Boot): BootRow {
  return {
    ...boot,
    address: typeof address === 'number' ? address : null,
    address6: typeof address === 'string' ? address : null,
    host: host ?? null,
    image: image ?? null,
    version: version ?? null,
    started_at: startedAt,
    updated_at: updatedAt
  }
}

export function fromBootRow({
  started_at,
  updated_at,
  address,
  address6,
  host,
  image,
  version,
  ...row
}: BootRow): Boot {
  return {
    ...row,
    address: address ?? address6 ?? undefined,
    host: host ?? undefined,
    image: image ?? undefined,
    version: version ?? undefined,
    startedAt: started_at,
    updatedAt: updated_at
  }
}

export function toEventRow({
  bootId,
  doneBytes,
  totalBytes,
  bytesPerSecond,
  ...event
}: BootEvent): Insertable<BootEventRow> {
  return {
    ...event,
    boot_id: bootId,
    done_bytes: doneBytes ?? null,
    total_bytes: totalBytes ?? null,
    bytes_per_second: bytesPerSecond ?? null
  }
}

export function fromEventRow(row: Selectable<BootEventRow>): BootEvent {
  const { boot_id, mac, at, step, outcome, detail, done_bytes, total_bytes, bytes_per_second } = row
  return {
    bootId: boot_id,
    mac,
    at,
    step,
    outcome,
    detail,
    doneBytes: done_bytes ?? undefined,
    totalBytes: total_bytes ?? undefined,
    bytesPerSecond: bytes_per_second ?? undefined
  }
}
