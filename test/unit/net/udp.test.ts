import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { openChannel, openListener, type Peer } from '../../../server/net/udp.ts'

const quiet = { receiveBufferBytes: 65536, onError: () => undefined }

async function peerSocket(address = '127.0.0.1') {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  const received: { bytes: string; from: Peer }[] = []
  socket.on('message', (bytes, from) => received.push({ bytes: bytes.toString(), from }))
  return { socket, received, at: { address, port: socket.address().port } }
}

const sendable = (text: string) => ({ bytes: Buffer.from(text), queued: 0 })
const arrival = () => new Promise((resolve) => setTimeout(resolve, 30))

for (const address of ['127.0.0.1', '::1']) {
  t.test(`a listener on ${address} hears and answers from its own port`, async (t) => {
    const heard: string[] = []
    const listener = await openListener({
      ...quiet,
      address,
      port: 0,
      onDatagram: (bytes, peer) => {
        heard.push(bytes.toString())
        listener.sendTo(Buffer.from('answer'), peer)
      }
    })
    const { socket, received } = await peerSocket(address)
    socket.send('question', listener.port, address)
    await arrival()
    t.same(heard, ['question'])
    t.match(received, [{ bytes: 'answer', from: { address, port: listener.port } }])
    await listener.close()
    await listener.close()
    socket.close()
  })
}

t.test('a port that is taken is told by its code', async (t) => {
  const first = await openListener({ ...quiet, address: '127.0.0.1', port: 0, onDatagram: () => undefined })
  const second = openListener({ ...quiet, address: '127.0.0.1', port: first.port, onDatagram: () => undefined })
  await t.rejects(second, { code: 'EADDRINUSE' })
  await first.close()
})

t.test('an address that is not ours is told by its code', async (t) => {
  const elsewhere = { ...quiet, address: '192.0.2.1', port: 0, onDatagram: () => undefined }
  await t.rejects(openListener(elsewhere), { code: 'EADDRNOTAVAIL' })
})

t.test('a channel cuts a run in datagrams, hears its peer alone, and says when the peer is gone', async (t) => {
  const { socket, received, at } = await peerSocket()
  const stranger = await peerSocket()
  const heard: string[] = []
  const errors: (string | undefined)[] = []
  const channel = await openChannel({
    localAddress: '127.0.0.1',
    localPort: 0,
    peer: at,
    onDatagram: (bytes) => heard.push(bytes.toString()),
    onError: (error) => errors.push(error.code)
  })
  channel.send(sendable('xxaaabbbccyy'), 2, 10, 3)
  await arrival()
  t.same(
    received.map((one) => one.bytes),
    ['aaa', 'bbb', 'cc']
  )
  const port = received[0]?.from.port ?? 0
  stranger.socket.send('intruder', port, '127.0.0.1')
  socket.send('friend', port, '127.0.0.1')
  await arrival()
  t.same(heard, ['friend'])
  socket.close()
  stranger.socket.close()
  await arrival()
  channel.send(sendable('gone?'), 0, 5, 5)
  await arrival()
  t.ok(errors.includes('ECONNREFUSED'), errors.join())
  channel.close()
  channel.close()
  channel.send(sendable('late'), 0, 4, 4)
})
