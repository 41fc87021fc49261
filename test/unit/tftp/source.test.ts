import { mkdtempSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SlabCache } from '../../../server/tftp/blocks.ts'
import { type Lease, SourceError, Sources } from '../../../server/tftp/source.ts'
import { file, text } from '../../support/tftp-server.ts'

const dir = mkdtempSync(join(t.testdir(), 'files-'))
const path = join(dir, 'kernel')
const body = Buffer.from('0123456789'.repeat(1000))
writeFileSync(path, body)

/** Descriptors of this process that point at `path`. */
function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // closed while we looked
    }
  }).length
}

async function firstBlock(lease: Lease, blksize: number): Promise<string> {
  const { bytes } = await lease.blocks(blksize).load(1)
  return bytes.toString('latin1', 4, 4 + blksize)
}

/** Closing is not waited for by those who let go. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 50))

t.test('one descriptor per file, however many read it, and none when nobody does', async (t) => {
  const sources = new Sources(new SlabCache())
  const leases = await Promise.all(Array.from({ length: 20 }, () => sources.lease(file(path, body.length), 'octet')))
  t.equal(descriptorsOf(path), 1)
  t.equal(sources.openFiles, 1)
  t.equal(leases[0]?.sizeBytes, body.length)
  const readers = leases.map((lease) => lease.blocks(512))
  t.equal(new Set(readers).size, 1, 'and one set of datagrams')
  for (const lease of leases) {
    lease.release()
    lease.release()
  }
  await settled()
  t.equal(descriptorsOf(path), 0)
  t.equal(sources.openFiles, 0)
})

t.test('a file that was replaced is another file', async (t) => {
  const sources = new Sources(new SlabCache())
  const before = await sources.lease({ ...file(path, body.length), modifiedAt: 1 }, 'octet')
  const after = await sources.lease({ ...file(path, body.length), modifiedAt: 2 }, 'octet')
  t.equal(descriptorsOf(path), 2)
  before.release()
  after.release()
})

t.test('text bodies come from memory, in octet and netascii', async (t) => {
  const sources = new Sources(new SlabCache())
  const octet = await sources.lease(text('a\nb'), 'octet')
  const netascii = await sources.lease(text('a\nb'), 'netascii')
  t.equal(octet.sizeBytes, 3)
  t.equal(netascii.sizeBytes, 4)
  t.equal(await firstBlock(octet, 512), 'a\nb')
  t.equal(await firstBlock(netascii, 512), 'a\r\nb')
  octet.release()
  netascii.release()
})

t.test('a missing file and a directory are failures of ours, and leave nothing open', async (t) => {
  const sources = new Sources(new SlabCache())
  await t.rejects(sources.lease(file(join(dir, 'none'), 1), 'octet'), { code: 'ENOENT' })
  await t.rejects(sources.lease(file(dir, 1), 'octet'), { code: 'SOURCE_NOT_A_FILE' })
  t.equal(sources.openFiles, 0)
  await settled()
  t.equal(descriptorsOf(dir), 0)
})

t.test('a file that has become shorter is found out', async (t) => {
  const shrinking = join(dir, 'shrinking')
  writeFileSync(shrinking, body)
  const sources = new Sources(new SlabCache())
  const lease = await sources.lease(file(shrinking, body.length), 'octet')
  truncateSync(shrinking, 100)
  await t.rejects(lease.blocks(512).load(1), SourceError)
  lease.release()
})

t.test('letting go in the middle of a read closes after it', async (t) => {
  const sources = new Sources(new SlabCache())
  const lease = await sources.lease(file(path, body.length), 'octet')
  const reading = lease.blocks(512).load(1)
  lease.release()
  t.ok(await reading)
  await settled()
  t.equal(descriptorsOf(path), 0)
})
