import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import t from 'tap'
import { BlockReader, type ByteSource, type Slab, SlabCache } from '../../../server/tftp/blocks.ts'
import { decodeTftp } from '../../../server/tftp/packet.ts'

class CountingSource implements ByteSource {
  readonly sizeBytes: number
  readonly body: Buffer
  reads = 0

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes
    this.body = Buffer.from(Array.from({ length: sizeBytes }, (_, i) => (i * 31 + (i >> 8)) & 255))
  }

  async read(into: Buffer, position: number): Promise<void> {
    this.reads++
    this.body.copy(into, 0, position)
  }
}

/** The datagrams of one slab. */
function datagrams(slab: Slab, blksize: number) {
  const packets: Buffer[] = []
  for (let at = 0; at < slab.bytes.length; at += blksize + 4) packets.push(slab.bytes.subarray(at, at + blksize + 4))
  return packets.map((bytes) => decodeTftp(bytes))
}

const sizes: readonly (readonly [number, number, number])[] = [
  [0, 512, 1],
  [1, 512, 1],
  [511, 512, 1],
  [512, 512, 2],
  [513, 512, 2],
  [10_000, 100, 101],
  [10_001, 8, 1251]
]
for (const [size, blksize, blocks] of sizes) {
  t.test(`T13: ${size} bytes in blocks of ${blksize} are ${blocks} blocks, the last one short`, async (t) => {
    const source = new CountingSource(size)
    const reader = new BlockReader(source, blksize, new SlabCache({ slabBytes: 1000 }))
    t.equal(reader.blocks, blocks)
    const parts: Buffer[] = []
    for (let block = 1; block <= blocks; ) {
      const slab = await reader.load(block)
      for (const packet of datagrams(slab, blksize)) {
        if (packet.kind !== 'data') throw new Error(packet.kind)
        if (packet.block !== block) throw new Error(`block ${packet.block} where ${block} was due`)
        parts.push(packet.bytes)
        block++
      }
      if (slab.bytes.length === (slab.lastBlock - slab.firstBlock) * (blksize + 4) + 4) parts.push(Buffer.alloc(0))
      if (block <= slab.lastBlock) block = slab.lastBlock + 1
    }
    t.ok(Buffer.concat(parts).equals(source.body))
  })
}

t.test('clients that want the same slab at once cause one read, and later ones none', async (t) => {
  const source = new CountingSource(5000)
  const reader = new BlockReader(source, 100, new SlabCache({ slabBytes: 1000 }))
  t.equal(reader.peek(1), undefined)
  const slabs = await Promise.all([reader.load(1), reader.load(5), reader.load(10)])
  t.equal(new Set(slabs).size, 1)
  t.equal(await reader.load(2), reader.peek(3))
  t.equal(source.reads, 1)
})

t.test('a run of blocks is ready when all its slabs are, those in the middle too', async (t) => {
  const source = new CountingSource(5000)
  const reader = new BlockReader(source, 100, new SlabCache({ slabBytes: 1000 }))
  await Promise.all([reader.load(10), reader.load(21)])
  t.equal(reader.isReady(10, 10), true)
  t.equal(reader.isReady(10, 21), false)
  await reader.loadAll(10, 21)
  t.equal(reader.isReady(1, 30), true)
  t.equal(source.reads, 3)
})

/** As a file is that lies in memory up to `inMemory`. */
class PartlyCached extends CountingSource {
  inMemory = 0

  readonly readNow = (into: Buffer, position: number): boolean => {
    this.body.copy(into, 0, position, this.inMemory)
    return position + into.length <= this.inMemory
  }
}

t.test('what lies in memory is there at once, and the rest is waited for', async (t) => {
  const source = new PartlyCached(5000)
  const reader = new BlockReader(source, 100, new SlabCache({ slabBytes: 1000 }))
  source.inMemory = 2500
  t.equal(reader.isReady(1, 20), true)
  t.equal(source.reads, 0)
  t.equal(reader.isReady(11, 21), false)
  const slab = await reader.load(21)
  t.equal(source.reads, 1)
  const data = datagrams(slab, 100).flatMap((packet) => (packet.kind === 'data' ? packet.bytes : []))
  t.same(Buffer.concat(data), source.body.subarray(2000, 3000))
  t.equal(reader.isReady(1, 30), true)
  t.equal(source.reads, 1)
})

t.test('what is being read from a disk is not read a second time, though it is in memory by now', async (t) => {
  const source = new PartlyCached(5000)
  const reader = new BlockReader(source, 100, new SlabCache({ slabBytes: 1000 }))
  const loading = reader.load(1)
  source.inMemory = 5000
  t.equal(reader.isReady(1, 1), false)
  t.equal(await loading, reader.peek(1))
  t.equal(reader.isReady(1, 50), true)
  t.equal(source.reads, 1)
})

t.test('reading ahead is for later, and nothing of it is kept when nobody reads any more', async (t) => {
  const source = new PartlyCached(5000)
  source.inMemory = 5000
  const cache = new SlabCache({ slabBytes: 1000 })
  const reader = new BlockReader(source, 100, cache)
  reader.prefetch(1, 16)
  t.equal(reader.peek(1), undefined)
  await turnOfTheLoop()
  t.ok(reader.peek(1))
  t.ok(reader.peek(16))
  t.equal(source.reads, 0)
  reader.prefetch(21, 32)
  source.inMemory = 0
  reader.clear()
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(source.reads, 2)
  t.equal(cache.usedBytes, 0)
})

t.test('the cache stays within its budget and lets the oldest go', async (t) => {
  const source = new CountingSource(100_000)
  const cache = new SlabCache({ slabBytes: 1000, budgetBytes: 3500 })
  const reader = new BlockReader(source, 100, cache)
  for (const block of [1, 11, 21, 31, 41]) await reader.load(block)
  t.ok(cache.usedBytes <= 3500, `${cache.usedBytes} bytes`)
  t.equal(reader.peek(1), undefined)
  t.ok(reader.peek(41))
  reader.clear()
  t.equal(cache.usedBytes, 0)
  t.equal(reader.peek(41), undefined)
})

t.test('a slab that was used lately stays', async (t) => {
  const cache = new SlabCache({ slabBytes: 1000, budgetBytes: 2100 })
  const reader = new BlockReader(new CountingSource(100_000), 100, cache)
  await reader.load(1)
  await reader.load(11)
  t.ok(reader.peek(1))
  await reader.load(21)
  t.ok(reader.peek(1))
  t.equal(reader.peek(11), undefined)
})

t.test('the memory of a slab that was let go is used again, unless a socket still holds it', async (t) => {
  const cache = new SlabCache({ slabBytes: 1000, budgetBytes: 1100 })
  const reader = new BlockReader(new CountingSource(100_000), 500, cache)
  const first = await reader.load(1)
  const second = await reader.load(3) // the first has to go
  second.queued = 1
  const third = await reader.load(5)
  t.equal(third.bytes.buffer, first.bytes.buffer)
  const fourth = await reader.load(7)
  t.not(fourth.bytes.buffer, second.bytes.buffer)
})

t.test('reading ahead fails in silence; the wanted read says why', async (t) => {
  const broken: ByteSource = { sizeBytes: 1000, read: () => Promise.reject(new Error('EIO')) }
  const reader = new BlockReader(broken, 100, new SlabCache())
  reader.prefetch(1, 5)
  reader.prefetch(999, 1000)
  await turnOfTheLoop()
  await t.rejects(reader.load(1), { message: 'EIO' })
})
