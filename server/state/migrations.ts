// Every change of the tables, in order. One that has been released is never edited: add the next.
import type { Kysely, Migration } from 'kysely'

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first-tables': {
    async up(db) {
      await createInventory(db)
      await createChannels(db)
      await createAccess(db)
      await createLeases(db)
      await createBoots(db)
    }
  },
  '0002-ipv6': {
    async up(db) {
      await db.schema.alterTable('boots').addColumn('address6', 'text').execute()
    }
  },
  '0003-ipv6-leases': {
    async up(db) {
      await db.schema
        .createTable('leases6')
        .addColumn('address', 'text', (column) => column.primaryKey())
        .addColumn('identity', 'text', (column) => column.notNull())
        .addColumn('duid', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('updated_at', 'bigint', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('dhcp6_server')
        .addColumn('duid', 'text', (column) => column.primaryKey())
        .execute()
    }
  },
  '0004-rate-of-transfers': {
    async up(db) {
      await db.schema.alterTable('boot_events').addColumn('bytes_per_second', 'bigint').execute()
    }
  }
}

async function createInventory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('groups')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('settings', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('hosts')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('mac', 'text', (column) => column.notNull().unique())
    .addColumn('group_name', 'text', (column) => column.references('groups.name').onDelete('restrict'))
    .addColumn('address', 'bigint', (column) => column.unique())
    .addColumn('settings', 'text', (column) => column.notNull())
    .execute()
}

async function createChannels(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('channels')
    .addColumn('image', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('moved_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('channels_pk', ['image', 'channel'])
    .execute()
  await db.schema
    .createTable('channel_moves')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('image', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('from_version', 'text')
    .addColumn('to_version', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('channel_moves_by_channel')
    .on('channel_moves')
    .columns(['image', 'channel', 'id'])
    .execute()
}

async function createAccess(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_used_at', 'bigint')
    .execute()
  await db.schema
    .createTable('audit')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute()
}

async function createLeases(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('leases')
    .addColumn('address', 'bigint', (column) => column.primaryKey())
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('client_id', 'text')
    .addColumn('hostname', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('pool', 'text', (column) => column.notNull())
    .execute()
}

async function createBoots(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('boots')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('address', 'bigint')
    .addColumn('host', 'text')
    .addColumn('arch', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('image', 'text')
    .addColumn('version', 'text')
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('boots_by_mac').on('boots').columns(['mac', 'started_at']).execute()
  await db.schema.createIndex('boots_by_state').on('boots').columns(['state', 'started_at']).execute()
  await db.schema.createIndex('boots_by_start').on('boots').column('started_at').execute()
  await db.schema
    .createTable('boot_events')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('boot_id', 'text', (column) => column.notNull().references('boots.id').onDelete('cascade'))
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .addColumn('done_bytes', 'bigint')
    .addColumn('total_bytes', 'bigint')
    .execute()
  await db.schema.createIndex('boot_events_by_boot').on('boot_events').columns(['boot_id', 'id']).execute()
}
