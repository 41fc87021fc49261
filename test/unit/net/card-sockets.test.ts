import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { type CardEndpoint, CardSockets, type CardSocketsOptions } from '../../../server/net/card-sockets.ts'
import { loadDeviceSockets } from '../../../server/net/device-socket.ts'
import type { Ipv4 } from '../../../server/net/ipv4.ts'
import { addr } from '../../support/dhcp-packets.ts'

interface Heard {
  readonly text: string
  readonly source: CardEndpoint
  readonly asked: Ipv4 | undefined
}

async function client() {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

async function freePort(): Promise<number> {
  const socket = await client()
  const { port } = socket.address()
  socket.close()
  return port
}

async function open(options: Partial<CardSocketsOptions>) {
  const port = await freePort()
  const heard: Heard[] = []
  let noticed = () => {}
  const sockets = await CardSockets.open({
    device: 'lo',
    addresses: [addr('127.0.0.1'), addr('127.0.0.2')],
    port,
    receiveBufferBytes: 100_000,
    native: undefined,
    handed: [],
    onDatagram: (datagram, source, asked) => {
      heard.push({ text: String(datagram), source, asked })
      noticed()
    },
    onError: (error) => t.fail(error.message),
    ...options
  })
  const next = async () => {
    if (heard.length === 0) await new Promise<void>((resolve) => (noticed = resolve))
    return heard.shift()
  }
  return { port, sockets, next }
}

const native = await loadDeviceSockets(systemClock)

for (const [how, options] of [
  ['by native code', { native }],
  ['by plain sockets', { native: undefined }]
] as const) {
  t.test(`D3: ${how}, the address that was asked is told, and answers leave from any of ours`, async (t) => {
    const { port, sockets, next } = await open(options)
    const peer = await client()
    const to = { address: addr('127.0.0.1'), port: peer.address().port }
    for (const [asked, from] of [
      ['127.0.0.1', '127.0.0.1'],
      ['127.0.0.2', '127.0.0.2'],
      ['127.0.0.3', undefined] // nobody's: the wildcard socket hears it
    ] as const) {
      peer.send('hello', port, asked)
      t.same(await next(), { text: 'hello', source: to, asked: from && addr(from) })
      const answer = once(peer, 'message')
      sockets.send(Buffer.from('yes'), to, addr(asked), (error) => t.equal(error, null))
      const [, { address, port: source }] = await answer
      t.same([address, source], [from ?? '127.0.0.1', port])
    }
    peer.close()
    await sockets.close()
    sockets.send(Buffer.from('late'), to, 0, (error) => t.ok(error, 'told, not thrown'))
  })
}

t.test('sockets that were handed over stay open when the card is left', async (t) => {
  const socket = await client()
  const { port } = socket.address()
  const handed = [{ device: 'lo', address: addr('127.0.0.1'), port, socket }]
  const { sockets, next } = await open({ handed })
  const peer = await client()
  peer.send('one', port, '127.0.0.1')
  t.match(await next(), { text: 'one', asked: addr('127.0.0.1') })
  await sockets.close()
  const again = await open({ handed })
  peer.send('two', port, '127.0.0.1')
  t.match(await again.next(), { text: 'two' })
  await again.sockets.close()
  socket.close()
  peer.close()
})

t.test('a port that is taken, an address that is not ours', async (t) => {
  const taken = await client()
  const { port } = taken.address()
  for (const way of [native, undefined]) {
    await t.rejects(open({ native: way, port, addresses: [addr('127.0.0.1')] }), { code: 'EADDRINUSE' })
    await t.rejects(open({ native: way, addresses: [addr('192.0.2.1')] }), { code: 'EADDRNOTAVAIL' })
  }
  taken.close()
})
