// Arrays of `struct mmsghdr` for sendmmsg(2) and recvmmsg(2), as Linux lays them out on 64-bit little-endian machines.
// Pure but for where memory lies, which `addressOf` tells. No call allocates.
//
// mmsghdr, 64 bytes: name (pointer), namelen (u32), iov (pointer), iovlen, control (pointer), controllen, flags, msg_len (u32)
// iovec, 16 bytes: base (pointer), length. cmsghdr, 16 bytes and the data: length, level, type.

/** Where memory lies, for as long as it lives. */
export type AddressOf = (memory: ArrayBuffer) => number

const MMSGHDR_WORDS = 16
const NAME = 0
const NAME_LENGTH = 2
const IOV = 4
const IOV_LENGTH = 6
const CONTROL = 8
const CONTROL_LENGTH = 10
const MESSAGE_LENGTH = 14

const IOVEC_WORDS = 4
const BASE = 0
const LENGTH = 2

/** CMSG_SPACE(sizeof(uint16_t)) */
const CMSG_BYTES = 24
const CMSG_LEN = 18
const SOL_UDP = 17
const UDP_SEGMENT = 103

/** The larger one: struct sockaddr_in6. */
export const SOCKADDR_BYTES = 28

class Messages {
  readonly count: number
  /** What the kernel is given. */
  readonly address: number
  protected readonly headers: Uint32Array<ArrayBuffer>
  protected readonly parts: Uint32Array<ArrayBuffer>

  constructor(count: number, addressOf: AddressOf) {
    this.count = count
    this.headers = new Uint32Array(count * MMSGHDR_WORDS)
    this.parts = new Uint32Array(count * IOVEC_WORDS)
    this.address = addressOf(this.headers.buffer)
    const parts = addressOf(this.parts.buffer)
    for (let i = 0; i < count; i++) {
      setPointer(this.headers, i * MMSGHDR_WORDS + IOV, parts + i * IOVEC_WORDS * 4)
      this.headers[i * MMSGHDR_WORDS + IOV_LENGTH] = 1
    }
  }

  /** Of the i-th message: the kernel is given an array that begins there. */
  addressAt(i: number): number {
    return this.address + i * MMSGHDR_WORDS * 4
  }
}

export class OutgoingMessages extends Messages {
  readonly #segments: Uint16Array<ArrayBuffer>

  constructor(count: number, addressOf: AddressOf) {
    super(count, addressOf)
    const controls = new ArrayBuffer(count * CMSG_BYTES)
    this.#segments = new Uint16Array(controls)
    const words = new Uint32Array(controls)
    const at = addressOf(controls)
    for (let i = 0; i < count; i++) {
      words.set([CMSG_LEN, 0, SOL_UDP, UDP_SEGMENT], (i * CMSG_BYTES) / 4)
      setPointer(this.headers, i * MMSGHDR_WORDS + CONTROL, at + i * CMSG_BYTES)
    }
  }

  /** @param segmentBytes cuts the message in datagrams of this size; 0: it is one. */
  set(i: number, nameAt: number, nameBytes: number, dataAt: number, dataBytes: number, segmentBytes: number): void {
    const header = i * MMSGHDR_WORDS
    const part = i * IOVEC_WORDS
    setPointer(this.headers, header + NAME, nameAt)
    this.headers[header + NAME_LENGTH] = nameBytes
    setPointer(this.parts, part + BASE, dataAt)
    this.parts[part + LENGTH] = dataBytes
    this.headers[header + CONTROL_LENGTH] = segmentBytes === 0 ? 0 : CMSG_BYTES
    this.#segments[(i * CMSG_BYTES + 16) / 2] = segmentBytes
  }
}

export class IncomingMessages extends Messages {
  /** One `struct sockaddr` after the other, `SOCKADDR_BYTES` apart. */
  readonly names: Buffer
  readonly #data: Buffer
  readonly #slotBytes: number
  readonly #views: Buffer[] = []

  constructor(count: number, slotBytes: number, addressOf: AddressOf) {
    super(count, addressOf)
    const names = new ArrayBuffer(count * SOCKADDR_BYTES)
    const data = new ArrayBuffer(count * slotBytes)
    this.names = Buffer.from(names)
    this.#data = Buffer.from(data)
    this.#slotBytes = slotBytes
    const namesAt = addressOf(names)
    const dataAt = addressOf(data)
    for (let i = 0; i < count; i++) {
      setPointer(this.headers, i * MMSGHDR_WORDS + NAME, namesAt + i * SOCKADDR_BYTES)
      setPointer(this.parts, i * IOVEC_WORDS + BASE, dataAt + i * slotBytes)
      this.parts[i * IOVEC_WORDS + LENGTH] = slotBytes
      this.#views.push(this.#data.subarray(i * slotBytes, (i + 1) * slotBytes))
    }
    this.reset(count)
  }

  /** After a call that filled the first `count`: the kernel has written how long the names were. */
  reset(count: number): void {
    for (let i = 0; i < count; i++) this.headers[i * MMSGHDR_WORDS + NAME_LENGTH] = SOCKADDR_BYTES
  }

  /** Good until the next call. Clients send the same few sizes again and again: such a view is made once. */
  datagram(i: number): Buffer {
    const length = this.headers[i * MMSGHDR_WORDS + MESSAGE_LENGTH] ?? 0
    const view = this.#views[i]
    if (view?.length === length) return view
    const start = i * this.#slotBytes
    const fresh = this.#data.subarray(start, start + length)
    this.#views[i] = fresh
    return fresh
  }
}

function setPointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address % 0x1_0000_0000
  words[at + 1] = Math.floor(address / 0x1_0000_0000)
}
