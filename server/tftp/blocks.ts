// The bytes of transfers in flight, ready for the wire and shared: every client that asks for the same file with the same
// block size gets the very same datagrams, so a slab of them is read and laid out once for all.
import { afterOthers } from '../clock.ts'
import { DATA_HEADER_BYTES, writeDataHeader } from './packet.ts'

/** Bytes that can be read at any position; files, text bodies and their netascii views. */
export interface ByteSource {
  readonly sizeBytes: number
  /** Fills `into` from `position`; rejects when the source has become shorter. */
  read(into: Buffer, position: number): Promise<void>
  /** The same at once, where it need not wait for a disk; false when it must, and `into` may have been written to. */
  readonly readNow?: ((into: Buffer<ArrayBuffer>, position: number) => boolean) | undefined
}

/** A run of consecutive blocks as datagrams, end to end: header, data, header, data … */
export interface Slab {
  readonly firstBlock: number
  readonly lastBlock: number
  readonly bytes: Buffer
  /** Runs of it that wait to be sent: above 0, its memory must not be used again. */
  queued: number
}

const DEFAULT_SLAB_BYTES = 64 * 1024
const DEFAULT_BUDGET_BYTES = 24 * 1024 * 1024
/** Room for the headers of a slab in blocks of 128 bytes or more; smaller ones get memory of their own. */
const HEADER_ROOM_BYTES = 4096
const MAX_SPARE = 64

/** Slabs of all files, the least recently used go first. */
export class SlabCache {
  readonly slabBytes: number
  readonly #budgetBytes: number
  readonly #slabs = new Map<Slab, BlockReader>()
  /** Memory of slabs let go, to be used again: a fast transfer would else leave it to the garbage collector by the gigabyte. */
  readonly #spare: ArrayBuffer[] = []
  #usedBytes = 0

  constructor(limits: { readonly budgetBytes?: number; readonly slabBytes?: number } = {}) {
    this.#budgetBytes = limits.budgetBytes ?? DEFAULT_BUDGET_BYTES
    this.slabBytes = limits.slabBytes ?? DEFAULT_SLAB_BYTES
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  touch(slab: Slab, owner: BlockReader): void {
    if (!this.#slabs.delete(slab)) this.#usedBytes += slab.bytes.length
    this.#slabs.set(slab, owner)
    for (const [oldest, itsOwner] of this.#slabs) {
      if (this.#usedBytes <= this.#budgetBytes || oldest === slab) return
      this.drop(oldest)
      itsOwner.forget(oldest)
    }
  }

  drop(slab: Slab): void {
    if (!this.#slabs.delete(slab)) return
    this.#usedBytes -= slab.bytes.length
    if (slab.queued === 0) this.giveBack(slab.bytes)
  }

  /** Memory that nobody uses any more. */
  giveBack({ buffer }: Buffer): void {
    const isOurs = buffer instanceof ArrayBuffer && buffer.byteLength === this.#spareBytes
    if (isOurs && this.#spare.length < MAX_SPARE) this.#spare.push(buffer)
  }

  /** Not zeroed. */
  memory(bytes: number): Buffer<ArrayBuffer> {
    if (bytes > this.#spareBytes || bytes < this.slabBytes / 2) return Buffer.allocUnsafeSlow(bytes)
    return Buffer.from(this.#spare.pop() ?? new ArrayBuffer(this.#spareBytes), 0, bytes)
  }

  get #spareBytes(): number {
    return this.slabBytes + HEADER_ROOM_BYTES
  }
}

/** One source cut in blocks of one size. Block 1 is the first. */
export class BlockReader {
  readonly blksize: number
  /** With the short or empty one at the end. */
  readonly blocks: number
  readonly #source: ByteSource
  readonly #cache: SlabCache
  readonly #blocksPerSlab: number
  readonly #slabs = new Map<number, Slab>()
  readonly #loading = new Map<number, Promise<Slab>>()
  #newest: Slab | undefined
  #isCleared = false

  constructor(source: ByteSource, blksize: number, cache: SlabCache) {
    this.#source = source
    this.blksize = blksize
    this.#cache = cache
    this.blocks = Math.floor(source.sizeBytes / blksize) + 1
    this.#blocksPerSlab = Math.max(1, Math.floor(cache.slabBytes / blksize))
  }

  get sizeBytes(): number {
    return this.#source.sizeBytes
  }

  get packetBytes(): number {
    return this.blksize + DATA_HEADER_BYTES
  }

  /** Undefined when it must be loaded first. */
  peek(block: number): Slab | undefined {
    const slab = this.#slabs.get(this.#slabIndex(block))
    if (slab && slab !== this.#newest) {
      this.#newest = slab // clients that go together touch the cache once a slab, not once a window
      this.#cache.touch(slab, this)
    }
    return slab
  }

  /** Clients that want the same slab at once cause one read. */
  load(block: number): Promise<Slab> {
    const index = this.#slabIndex(block)
    const present = this.#slabs.get(index)
    if (present) return Promise.resolve(present)
    const underWay = this.#loading.get(index)
    if (underWay) return underWay
    const loading = this.#read(index).finally(() => this.#loading.delete(index))
    this.#loading.set(index, loading)
    return loading
  }

  /** Whether none of these blocks must be loaded first. What needs no disk is read now. */
  isReady(from: number, to: number): boolean {
    if (this.#hasAll(from, to)) return true
    const last = this.#slabIndex(to)
    // The last that should be let go for those that are read: who lags behind would else never be sent both.
    for (let index = this.#slabIndex(from); index <= last; index++) this.#touch(index)
    for (let index = this.#slabIndex(from); index <= last; index++) {
      if (!this.#slabs.has(index) && (this.#loading.has(index) || !this.#readNow(index))) return false
    }
    return true
  }

  #hasAll(from: number, to: number): boolean {
    const last = this.#slabIndex(to)
    for (let index = this.#slabIndex(from); index <= last; index++) if (!this.#slabs.has(index)) return false
    return true
  }

  #touch(index: number): void {
    const slab = this.#slabs.get(index)
    if (slab) this.#cache.touch(slab, this)
  }

  async loadAll(from: number, to: number): Promise<void> {
    const loading: Promise<Slab>[] = []
    for (let block = from; block <= to; block = this.#nextSlab(block)) loading.push(this.load(block))
    await Promise.all(loading)
  }

  /** Reads on behind the caller's back, when what is to be sent now has left; a failure shows when the blocks are really wanted. */
  prefetch(from: number, to: number): void {
    const end = Math.min(to, this.blocks)
    if (this.#hasAll(from, end)) return
    afterOthers(() => {
      if (!this.isReady(from, end)) this.loadAll(from, end).catch(() => undefined)
    })
  }

  /** The cache has let this one go. */
  forget(slab: Slab): void {
    this.#slabs.delete(this.#slabIndex(slab.firstBlock))
    if (this.#newest === slab) this.#newest = undefined
  }

  /** Nobody reads here any more, and nothing is kept of what is being read. */
  clear(): void {
    this.#isCleared = true
    for (const slab of this.#slabs.values()) this.#cache.drop(slab)
    this.#slabs.clear()
    this.#newest = undefined
  }

  /** The first block of the slab after this one's. */
  #nextSlab(block: number): number {
    return (this.#slabIndex(block) + 1) * this.#blocksPerSlab + 1
  }

  #slabIndex(block: number): number {
    return Math.floor((block - 1) / this.#blocksPerSlab)
  }

  async #read(index: number): Promise<Slab> {
    const room = this.#room(index)
    await this.#source.read(room.data, room.position)
    return this.#keep(index, room)
  }

  #readNow(index: number): boolean {
    if (!this.#source.readNow) return false
    const room = this.#room(index)
    const isRead = this.#source.readNow(room.data, room.position)
    if (isRead) this.#keep(index, room)
    else this.#cache.giveBack(room.bytes)
    return isRead
  }

  #room(index: number): Room {
    const firstBlock = index * this.#blocksPerSlab + 1
    const lastBlock = Math.min(this.blocks, firstBlock + this.#blocksPerSlab - 1)
    const position = (firstBlock - 1) * this.blksize
    const dataBytes = Math.min(this.sizeBytes, lastBlock * this.blksize) - position
    const headerBytes = (lastBlock - firstBlock + 1) * DATA_HEADER_BYTES
    const bytes = this.#cache.memory(headerBytes + dataBytes)
    return { firstBlock, lastBlock, position, bytes, data: bytes.subarray(headerBytes) }
  }

  #keep(index: number, { firstBlock, lastBlock, bytes }: Room): Slab {
    layOut(bytes, firstBlock, lastBlock - firstBlock + 1, this.blksize)
    const slab = { firstBlock, lastBlock, bytes, queued: 0 }
    if (this.#isCleared) return slab
    this.#slabs.set(index, slab)
    this.#cache.touch(slab, this)
    return slab
  }
}

/** Where the blocks of a slab are read to. */
interface Room {
  readonly firstBlock: number
  readonly lastBlock: number
  /** Of the first one's data in the source. */
  readonly position: number
  readonly bytes: Buffer<ArrayBuffer>
  /** The end of `bytes`. */
  readonly data: Buffer<ArrayBuffer>
}

/** Spreads the data, which lies at the end of `bytes`, into datagrams. Each block moves towards the front, so none is overrun. */
function layOut(bytes: Buffer, firstBlock: number, count: number, blksize: number): void {
  const dataStart = count * DATA_HEADER_BYTES
  for (let i = 0; i < count; i++) {
    const from = dataStart + i * blksize
    const to = i * (blksize + DATA_HEADER_BYTES) + DATA_HEADER_BYTES
    bytes.copyWithin(to, from, Math.min(from + blksize, bytes.length))
    writeDataHeader(bytes, to - DATA_HEADER_BYTES, firstBlock + i)
  }
}
