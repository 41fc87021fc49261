// The table of groups.
import type { Group } from '../boot/model.ts'
import type { Database } from './database.ts'
import type { GroupRow } from './tables.ts'

export async function loadGroups(database: Database): Promise<readonly Group[]> {
  const rows = await database.selectFrom('groups').selectAll().execute()
  return rows.map(({ name, settings }) => ({ ...JSON.parse(settings), name }))
}

export async function saveGroup(database: Database, group: Group): Promise<void> {
  const row = toRow(group)
  await database
    .insertInto('groups')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ settings: row.settings }))
    .execute()
}

export async function deleteGroup(database: Database, name: string): Promise<void> {
  await database.deleteFrom('groups').where('name', '=', name).execute()
}

function toRow({ name, ...settings }: Group): GroupRow {
  return { name, settings: JSON.stringify(settings) }
}
