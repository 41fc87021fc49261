// The table of hosts.
import type { Host } from '../boot/model.ts'
import type { Database } from './database.ts'
import type { HostRow } from './tables.ts'

export async function loadHosts(database: Database): Promise<readonly Host[]> {
  const rows = await database.selectFrom('hosts').selectAll().execute()
  return rows.map(fromRow)
}

export async function insertHost(database: Database, host: Host): Promise<void> {
  await database.insertInto('hosts').values(toRow(host)).execute()
}

export async function deleteHost(database: Database, name: string): Promise<void> {
  await database.deleteFrom('hosts').where('name', '=', name).execute()
}

function toRow({ name, mac, group, address, ...settings }: Host): HostRow {
  return { name, mac, group_name: group ?? null, address: address ?? null, settings: JSON.stringify(settings) }
}

function fromRow({ name, mac, group_name, address, settings }: HostRow): Host {
  return { ...JSON.parse(settings), name, mac, group: group_name ?? undefined, address: address ?? undefined }
}
