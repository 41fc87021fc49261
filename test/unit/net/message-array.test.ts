import koffi, { type TypeObject } from 'koffi'
import t from 'tap'
import { IncomingMessages, OutgoingMessages, SOCKADDR_BYTES } from '../../../server/net/message-array.ts'

// The structures as koffi lays them out from their C declaration: what the bytes are compared with.
const iovec = koffi.struct('iovec', { base: 'uintptr_t', length: 'size_t' })
const msghdr = koffi.struct('msghdr', {
  name: 'uintptr_t',
  namelen: 'uint32_t',
  iov: 'uintptr_t',
  iovlen: 'size_t',
  control: 'uintptr_t',
  controllen: 'size_t',
  flags: 'int'
})
const mmsghdr = koffi.struct('mmsghdr', { header: msghdr, length: 'uint32_t' })
const cmsg = koffi.struct('cmsg', { length: 'size_t', level: 'int', type: 'int', segmentBytes: 'uint16_t' })

const addressOf = (memory: ArrayBuffer) => Number(koffi.address(memory))
const read = (at: number, type: TypeObject) => koffi.decode(BigInt(at), type)

t.test('messages to send lie as the kernel reads them', async (t) => {
  const messages = new OutgoingMessages(3, addressOf)
  messages.set(1, 0x7f12_3456_789a, 16, 0x7fff_ffff_0001, 22_912, 1432)
  messages.set(2, 0x1000, 28, 0x2000, 4, 0)
  const second = read(messages.addressAt(1), mmsghdr)
  t.match(second, { header: { name: 0x7f12_3456_789a, namelen: 16, iovlen: 1, controllen: 24, flags: 0 } })
  t.match(read(second.header.iov, iovec), { base: 0x7fff_ffff_0001, length: 22_912 })
  t.match(read(second.header.control, cmsg), { length: 18, level: 17, type: 103, segmentBytes: 1432 })
  const third = read(messages.addressAt(2), mmsghdr)
  t.match(third, { header: { name: 0x1000, namelen: 28, controllen: 0 } })
  t.match(read(third.header.iov, iovec), { base: 0x2000, length: 4 })
  t.equal(messages.addressAt(1) - messages.address, koffi.sizeof(mmsghdr))
})

t.test('room to receive: each message has its own, and a view as long as what came', async (t) => {
  const messages = new IncomingMessages(2, 64, addressOf)
  const headers = [0, 1].map((i) => read(messages.addressAt(i), mmsghdr).header)
  for (const header of headers) t.match(header, { namelen: SOCKADDR_BYTES, iovlen: 1, controllen: 0 })
  const [first, second] = headers.map((header) => read(header.iov, iovec))
  t.match(first, { length: 64 })
  t.equal(second.base - first.base, 64)
  t.equal(headers[1].name - headers[0].name, SOCKADDR_BYTES)

  koffi.encode(BigInt(second.base), 'uint8_t [5]', [...Buffer.from('hello')])
  koffi.encode(BigInt(messages.addressAt(1)), mmsghdr, { header: { ...headers[1], namelen: 16 }, length: 5 })
  t.equal(messages.datagram(1).toString(), 'hello')
  t.equal(messages.datagram(1), messages.datagram(1), 'the same view again')
  messages.reset(2)
  t.match(read(messages.addressAt(1), mmsghdr), { header: { namelen: SOCKADDR_BYTES } })
})
