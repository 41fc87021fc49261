import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import type { CardEndpoint } from '../../../server/net/card-sockets.ts'
import { Datagrams } from '../../../server/net/datagrams.ts'
import { loadSocketCalls } from '../../../server/net/socket-calls.ts'
import { addr } from '../../support/dhcp-packets.ts'

const LOOPBACK = addr('127.0.0.1')

const calls = await loadSocketCalls()
if (!calls) throw new Error('koffi has no binary here')
const { openUdp } = calls
const datagrams = new Datagrams(calls, systemClock)

async function socketWithDescriptor() {
  const fd = openUdp({ address: '127.0.0.1', port: 0, bufferBytes: 1_000_000 })
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve))
  return { fd, socket, port: socket.address().port }
}

t.test('what is sent in one turn arrives, more of it than one call takes and by several sockets', async (t) => {
  const [one, other, heard] = [await socketWithDescriptor(), await socketWithDescriptor(), await socketWithDescriptor()]
  const to = { address: LOOPBACK, port: heard.port }
  const results: boolean[] = []
  for (let i = 0; i < 150; i += 1) {
    const { fd } = i % 50 < 25 ? one : other
    t.ok(datagrams.send(fd, Buffer.from(`number ${i}`), to, (isSent) => results.push(isSent)))
  }
  t.equal(results.length, 128, 'what fills a call does not wait')
  const [first, peer] = await once(heard.socket, 'message')
  t.same([String(first), peer.port], ['number 0', one.port])
  t.same(results, Array(150).fill(true))

  const rest: [text: string, source: CardEndpoint][] = []
  datagrams.receive(heard.fd, (datagram, source) => rest.push([String(datagram), source]) > 0)
  t.same(rest.at(0), ['number 1', { address: LOOPBACK, port: one.port }])
  t.same(rest.at(-1), ['number 149', { address: LOOPBACK, port: other.port }])
  t.equal(rest.length, 149)
  for (const { socket } of [one, other, heard]) socket.close()
})

t.test('what the kernel refuses is told, and the rest leaves', async (t) => {
  const { fd, socket, port } = await socketWithDescriptor()
  const results: boolean[] = []
  for (const to of [0, port, 0, port]) {
    datagrams.send(fd, Buffer.from('text'), { address: LOOPBACK, port: to }, (isSent) => results.push(isSent))
  }
  datagrams.flush()
  t.same(results, [false, true, false, true])
  t.equal(
    datagrams.send(fd, Buffer.alloc(2049), { address: LOOPBACK, port }, () => undefined),
    false,
    'too long'
  )
  socket.close()
})

t.test('whoever sends on being told overwrites nothing', async (t) => {
  const { fd, socket, port } = await socketWithDescriptor()
  const to = { address: LOOPBACK, port }
  const again = (): void => void datagrams.send(fd, Buffer.from('more'), to, () => undefined)
  for (const text of ['one', 'two']) datagrams.send(fd, Buffer.from(text), to, again)
  const [first] = await once(socket, 'message')
  const heard = [String(first)]
  datagrams.receive(fd, (datagram) => heard.push(String(datagram)) > 0)
  t.same(heard, ['one', 'two', 'more', 'more'])
  socket.close()
})

t.test('nothing is read once its socket is closed', async (t) => {
  const { fd, socket, port } = await socketWithDescriptor()
  for (const text of ['one', 'two', 'three']) {
    datagrams.send(fd, Buffer.from(text), { address: LOOPBACK, port }, () => undefined)
  }
  datagrams.flush()
  const heard: string[] = []
  datagrams.receive(fd, (datagram) => {
    heard.push(String(datagram))
    return heard.length < 2
  })
  t.same(heard, ['one', 'two'])
  socket.close()
})
