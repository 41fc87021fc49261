import dgram from 'node:dgram'
import { closeSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { loadSocketCalls } from '../../../server/net/socket-calls.ts'

const calls = await loadSocketCalls()
if (!calls) throw new Error('native code cannot be loaded here')

t.test('addresses go to the kernel and back', async (t) => {
  const loopback = Object.entries(networkInterfaces()).find(([, own]) => own?.some(({ internal }) => internal))?.[0]
  for (const address of ['127.0.0.1', '10.20.30.40', '::1', 'fd00::7:1', `fe80::1%${loopback}`]) {
    const bytes = calls.toSockaddr({ address, port: 50_069 })
    t.equal(bytes.length, address.includes(':') ? 28 : 16)
    t.same(calls.fromSockaddr(bytes, 0), { address, port: 50_069 })
  }
  t.throws(() => calls.toSockaddr({ address: 'boot.example', port: 69 }), { code: 'EADDRNOTAVAIL' })
})

t.test('a socket is bound, handed over, and its buffers are as large as wished', async (t) => {
  const fd = calls.openUdp({ address: '127.0.0.1', port: 0, bufferBytes: 300_000 })
  const socket = dgram.createSocket('udp4')
  socket.bind({ fd })
  t.equal(socket.address().address, '127.0.0.1')
  t.ok(socket.getRecvBufferSize() >= 300_000)
  t.ok(socket.getSendBufferSize() >= 300_000)
  t.throws(() => calls.openUdp({ address: '127.0.0.1', port: socket.address().port, bufferBytes: 65_536 }), {
    code: 'EADDRINUSE'
  })
  socket.close()
})

t.test('what fails is told by its code, and nothing waits', async (t) => {
  t.throws(() => calls.openUdp({ address: '192.0.2.1', port: 0, bufferBytes: 65_536 }), { code: 'EADDRNOTAVAIL' })
  const fd = calls.openUdp({ address: '127.0.0.1', port: 0, bufferBytes: 65_536 })
  const memory = new ArrayBuffer(64)
  // Asked at once: what a test prints has an errno of its own.
  t.same([calls.receiveMessages(fd, calls.addressOf(memory), 1), calls.failure()], [-1, 'EAGAIN'])
  closeSync(fd)
  t.same([calls.sendMessages(fd, calls.addressOf(memory), 1), calls.failure()], [-1, 'EBADF'])
})
