import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { type DeviceSockets, loadDeviceSockets } from '../../../server/net/device-socket.ts'
import { parseIpv4 } from '../../../server/net/ipv4.ts'

const LOOPBACK = parseIpv4('127.0.0.1') ?? 0

async function native(): Promise<DeviceSockets> {
  const sockets = await loadDeviceSockets(systemClock)
  if (!sockets) throw new Error('koffi has no binary here')
  return sockets
}

t.test('a socket of one card is bound, and Node takes it over', async (t) => {
  const fd = (await native()).open({ device: 'lo', address: LOOPBACK, port: 0, receiveBufferBytes: 65536 })
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind({ fd, exclusive: true }, resolve)) // listens before bind returns
  t.equal(socket.address().address, '127.0.0.1')
  socket.send('to myself', socket.address().port, '127.0.0.1')
  const [datagram] = await once(socket, 'message')
  t.equal(String(datagram), 'to myself')
  socket.close()
})

t.test('the kernel’s refusal comes with its name', async (t) => {
  const sockets = await native()
  const options = { address: LOOPBACK, port: 0, receiveBufferBytes: 65536 }
  t.throws(() => sockets.open({ ...options, device: 'no-such-card' }), { code: 'ENODEV' })
  t.throws(() => sockets.open({ ...options, device: 'lo', address: parseIpv4('192.0.2.1') ?? 0 }), {
    code: 'EADDRNOTAVAIL'
  })
  const taken = dgram.createSocket('udp4')
  taken.bind(0, '127.0.0.1')
  await once(taken, 'listening')
  t.throws(() => sockets.open({ ...options, device: 'lo', port: taken.address().port }), { code: 'EADDRINUSE' })
  taken.close()
})
