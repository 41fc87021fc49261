// rtnetlink(7): asking the Linux kernel for its network cards and their addresses, as bytes. Pure: no socket.
import ipaddr from 'ipaddr.js'
import type { NetworkInterface } from './interfaces.ts'

const MESSAGE = { error: 2, done: 3, link: 16, address: 20 } as const
const GET = { links: 18, addresses: 22 } as const
const NLM_F_REQUEST_DUMP = 0x301
const NLM_F_DUMP_INTR = 0x10
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8
const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
/** Nothing can be bound to an IPv6 address before duplicate address detection is through with it (RFC 4862 §5.4). */
const TENTATIVE_OR_DUPLICATE = 0x40 | 0x08
const AF_INET = 2
const AF_INET6 = 10
const HEADER_BYTES = 16
const LINK_BYTES = 16
const ADDRESS_BYTES = 8
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** A request for all of them; the answer comes in several datagrams. */
export function dumpRequest(what: keyof typeof GET): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + LINK_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, LITTLE_ENDIAN)
  view.setUint16(4, GET[what], LITTLE_ENDIAN)
  view.setUint16(6, NLM_F_REQUEST_DUMP, LITTLE_ENDIAN)
  return bytes
}

interface MutableInterface extends NetworkInterface {
  readonly ipv4: string[]
  readonly ipv6: string[]
}

/** Puts together what comes as answer to the dumps, of links first, then of addresses. */
export class InterfaceDump {
  readonly #byIndex = new Map<number, MutableInterface>()
  /** Something changed while the kernel was telling: what it told may be of two moments. */
  interrupted = false

  get interfaces(): readonly NetworkInterface[] {
    return [...this.#byIndex.values()]
  }

  /** One datagram; true when the answer ends with it. Throws a RangeError for what is no netlink message. */
  take(datagram: Uint8Array): boolean {
    for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
      const view = new DataView(datagram.buffer, datagram.byteOffset + at)
      const length = view.getUint32(0, LITTLE_ENDIAN)
      if (length < HEADER_BYTES || at + length > datagram.length) throw new RangeError('a netlink message is cut short')
      const type = view.getUint16(4, LITTLE_ENDIAN)
      if ((view.getUint16(6, LITTLE_ENDIAN) & NLM_F_DUMP_INTR) !== 0) this.interrupted = true
      if (type === MESSAGE.done) return true
      if (type === MESSAGE.error)
        throw new RangeError(`rtnetlink: errno ${-view.getInt32(HEADER_BYTES, LITTLE_ENDIAN)}`)
      const body = datagram.subarray(at + HEADER_BYTES, at + length)
      if (type === MESSAGE.link) this.#link(body)
      if (type === MESSAGE.address) this.#address(body)
      at += aligned(length)
    }
    return false
  }

  #link(body: Uint8Array): void {
    const view = viewOf(body)
    const attributes = attributesOf(body.subarray(LINK_BYTES))
    const name = attributes.get(IFLA_IFNAME)
    const mtu = attributes.get(IFLA_MTU)
    if (name === undefined) return
    const index = view.getInt32(4, LITTLE_ENDIAN)
    const flags = view.getUint32(8, LITTLE_ENDIAN)
    this.#byIndex.set(index, {
      name: Buffer.from(name).toString('latin1').replace(/\0.*$/s, ''),
      index,
      mtu: mtu ? viewOf(mtu).getUint32(0, LITTLE_ENDIAN) : 0,
      up: (flags & IFF_UP) !== 0,
      loopback: (flags & IFF_LOOPBACK) !== 0,
      ipv4: [],
      ipv6: []
    })
  }

  #address(body: Uint8Array): void {
    const attributes = attributesOf(body.subarray(ADDRESS_BYTES))
    const card = this.#byIndex.get(viewOf(body).getUint32(4, LITTLE_ENDIAN))
    // On a point-to-point link, IFA_ADDRESS is the other end's.
    const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
    const wideFlags = attributes.get(IFA_FLAGS)
    const flags = wideFlags ? viewOf(wideFlags).getUint32(0, LITTLE_ENDIAN) : (body[2] ?? 0)
    if (!card || !address || (flags & TENTATIVE_OR_DUPLICATE) !== 0) return
    if (body[0] === AF_INET) card.ipv4.push(address.join('.'))
    if (body[0] === AF_INET6) card.ipv6.push(new ipaddr.IPv6([...address]).toRFC5952String())
  }
}

function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const view = viewOf(bytes.subarray(at))
    const length = view.getUint16(0, LITTLE_ENDIAN)
    if (length < 4 || at + length > bytes.length) throw new RangeError('a netlink attribute is cut short')
    attributes.set(view.getUint16(2, LITTLE_ENDIAN), bytes.subarray(at + 4, at + length))
    at += aligned(length)
  }
  return attributes
}

function aligned(length: number): number {
  return (length + 3) & ~3
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
