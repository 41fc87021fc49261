import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { loadSocketCalls, type SocketCalls } from '../../../server/net/socket-calls.ts'
import { type Peer, type PortOptions, plainUdp, type UdpEngine } from '../../../server/net/udp.ts'
import { loadNativeUdp, nativeUdp } from '../../../server/net/udp-native.ts'
import { FakeClock } from '../../fakes/clock.ts'

const loaded = await loadSocketCalls()
if (!loaded) throw new Error('native code cannot be loaded here')
const calls = loaded
const native = await loadNativeUdp(systemClock)
if (!native) throw new Error('the native engine does not work here')

const sendable = (text: string) => ({ bytes: Buffer.from(text), queued: 0 })

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !condition(); ) {
    if (performance.now() > end) throw new Error('it did not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function peerSocket(address = '127.0.0.1') {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  const received: { text: string; from: Peer }[] = []
  socket.on('message', (bytes, { address, port }) => received.push({ text: bytes.toString(), from: { address, port } }))
  return {
    socket,
    received,
    texts: () => received.map(({ text }) => text),
    at: { address, port: socket.address().port }
  }
}

/** A port that takes note of everything; what begins with `!` starts anew. */
async function openPort(engine: UdpEngine, own: Partial<PortOptions> = {}) {
  const heard: string[] = []
  const port = await engine.openPort({
    address: '127.0.0.1',
    port: 0,
    channelPorts: 'any',
    receiveBufferBytes: 65_536,
    startsAnew: (datagram) => datagram[0] === 0x21,
    onDatagram: (datagram, peer) => heard.push(`listener ${datagram} ${peer.port}`),
    onStranger(datagram, peer, answer) {
      heard.push(`stranger ${datagram} ${peer.port}`)
      answer(Buffer.from('who are you?'))
    },
    onError: (error) => heard.push(`error ${error.code}`),
    ...own
  })
  const channelTo = (peer: Peer) =>
    port.openChannel(peer, {
      onDatagram: (datagram) => heard.push(`channel ${datagram} ${peer.port}`),
      onError: (error) => heard.push(`channel error ${error.code}`)
    })
  return { port, heard, channelTo }
}

t.test('a socket that never runs dry leaves others their turn', async (t) => {
  const { port } = await openPort(native, { channelPorts: 'same' })
  let heard = 0
  let isGoingOn = true
  let began = 0
  const inOneTurn = Promise.withResolvers<number>()
  const channel = await port.openChannel(
    { address: '127.0.0.1', port: port.port },
    {
      onDatagram() {
        heard += 1
        if (heard === 1) {
          began = performance.now()
          setImmediate(() => inOneTurn.resolve(heard))
        }
        // Others are kept waiting, however quick this machine is.
        for (const end = performance.now() + 0.01; performance.now() < end; );
        if (isGoingOn) channel.send(sendable('again'), 0, 5, 5)
      },
      onError: (error) => t.fail(error.message)
    }
  )
  for (let i = 0; i < 64; i += 1) channel.send(sendable('begin'), 0, 5, 5)
  const count = await inOneTurn.promise
  isGoingOn = false
  t.ok(count > 64, `${count} in one turn`)
  t.ok(count < 5000, `${count} in one turn, ${performance.now() - began} ms`)
  const before = heard
  await until(() => heard >= before + 64) // nothing of it is lost
  await port.close()
})

for (const address of ['127.0.0.1', '::1']) {
  t.test(`${address}: runs leave in order, cut as told; each channel hears its own peer`, async (t) => {
    const { port, heard, channelTo } = await openPort(native, { address })
    const [one, two] = [await peerSocket(address), await peerSocket(address)]
    const channels = [await channelTo(one.at), await channelTo(two.at)]
    const run = sendable('xxaaabbbccyy')
    for (const channel of channels) channel.send(run, 2, 10, 3)
    channels[0]?.send(sendable('end'), 0, 3, 3)
    t.equal(run.queued, 2, 'its memory is held while it waits')
    await until(() => one.received.length === 4 && two.received.length === 3)
    t.equal(run.queued, 0)
    t.same(one.texts(), ['aaa', 'bbb', 'cc', 'end'])
    t.same(two.texts(), ['aaa', 'bbb', 'cc'])
    t.not(one.received[0]?.from.port, port.port)
    t.same(one.received[0]?.from, two.received[0]?.from, 'all by one port')
    const from = one.received[0]?.from ?? { address, port: 0 }
    for (let i = 0; i < 100; i++) one.socket.send(`${i}`, from.port, address)
    two.socket.send('two', from.port, address)
    await until(() => heard.length === 101)
    const expected = Array.from({ length: 100 }, (_, i) => `channel ${i} ${one.at.port}`)
    t.same(
      heard.filter((line) => !line.includes('two')),
      expected
    )
    t.ok(heard.includes(`channel two ${two.at.port}`))
    await port.close()
    await port.close()
    channels[0]?.send(run, 0, 3, 3)
    one.socket.close()
    two.socket.close()
  })
}

t.test('a megabyte in large runs arrives whole', async (t) => {
  const { port, channelTo } = await openPort(native)
  const peer = await peerSocket()
  peer.socket.setRecvBufferSize(4 * 1024 * 1024)
  const channel = await channelTo(peer.at)
  const body = Buffer.alloc(1432 * 64)
  for (let i = 0; i < body.length; i++) body[i] = (i * 7 + (i >> 8)) & 0xff
  for (let round = 1; round <= 10; round++) {
    channel.send({ bytes: body, queued: 0 }, 0, body.length, 1432)
    await until(() => peer.received.length === 64 * round)
  }
  t.equal(
    peer.received.slice(-64).every(({ text }, i) => text === body.toString('utf8', i * 1432, (i + 1) * 1432)),
    true
  )
  await port.close()
  peer.socket.close()
})

t.test('a stranger is answered and heard by no channel; one that closed is a stranger', async (t) => {
  const { port, heard, channelTo } = await openPort(native)
  const [friend, stranger] = [await peerSocket(), await peerSocket()]
  const channel = await channelTo(friend.at)
  channel.send(sendable('hello'), 0, 5, 5)
  await until(() => friend.received.length === 1)
  const there = friend.received[0]?.from.port ?? 0
  stranger.socket.send('intruder', there, '127.0.0.1')
  await until(() => stranger.received.length === 1)
  t.same(stranger.texts(), ['who are you?'])
  channel.close()
  friend.socket.send('late', there, '127.0.0.1')
  await until(() => friend.received.length === 2)
  t.same(heard, [`stranger intruder ${stranger.at.port}`, `stranger late ${friend.at.port}`])
  await port.close()
  friend.socket.close()
  stranger.socket.close()
})

for (const engine of [plainUdp, native]) {
  t.test(`${engine.kind}: one port for all; what starts anew goes to the listener`, async (t) => {
    const { port, heard, channelTo } = await openPort(engine, { channelPorts: 'same' })
    const [one, two] = [await peerSocket(), await peerSocket()]
    const say = (from: typeof one, text: string) => from.socket.send(text, port.port, '127.0.0.1')
    say(one, '!begin')
    await until(() => heard.length === 1)
    const channels = [await channelTo(one.at), await channelTo(two.at)]
    say(one, 'go on')
    say(two, 'go on')
    await until(() => heard.length === 3)
    say(one, '!again')
    await until(() => heard.length === 4)
    channels[0]?.send(sendable('aab'), 0, 3, 2)
    port.sendTo(Buffer.from('direct'), two.at)
    await until(() => one.received.length === 2 && two.received.length === 1)
    t.same(one.received, [
      { text: 'aa', from: { address: '127.0.0.1', port: port.port } },
      { text: 'b', from: { address: '127.0.0.1', port: port.port } }
    ])
    channels[1]?.close()
    say(two, 'late')
    await until(() => two.received.length === 2)
    const [a, b] = [one.at.port, two.at.port]
    t.same(
      heard.toSorted(),
      [
        `channel go on ${a}`,
        `channel go on ${b}`,
        `listener !again ${a}`,
        `listener !begin ${a}`,
        `stranger late ${b}`
      ].toSorted()
    )
    await port.close()
    one.socket.close()
    two.socket.close()
  })

  t.test(
    `${engine.kind}: channels stay within their range of ports, and one that is taken is passed over`,
    async (t) => {
      const taken = await peerSocket()
      const range = { from: taken.at.port, to: taken.at.port + 40 }
      const { port, channelTo } = await openPort(engine, { channelPorts: range })
      const peer = await peerSocket()
      const channels = []
      for (let i = 0; i < 5; i++) channels.push(await channelTo(peer.at))
      for (const channel of channels) channel.send(sendable('x'), 0, 1, 1)
      await until(() => peer.received.length === 5)
      for (const { from } of peer.received) t.ok(from.port > range.from && from.port <= range.to, `${from.port}`)
      for (const channel of channels) channel.close()
      const full = { from: taken.at.port, to: taken.at.port }
      const none = openPort(engine, { channelPorts: full }).then(({ channelTo, port }) =>
        channelTo(peer.at).finally(() => port.close())
      )
      await t.rejects(none, { code: 'EADDRINUSE' })
      await port.close()
      peer.socket.close()
      taken.socket.close()
    }
  )
}

/** The real calls, but for what sending answers: each code once, then as it really is. */
function refusing(codes: string[], sizes: number[] = []): SocketCalls {
  let failure = ''
  return {
    ...calls,
    sendMessages(fd, arrayAt, count) {
      const code = codes.shift()
      sizes.push(count)
      if (code === undefined) return calls.sendMessages(fd, arrayAt, count)
      failure = code
      return -1
    },
    failure: () => (failure === '' ? calls.failure() : failure)
  }
}

t.test('a full kernel is tried again after a moment; until then the memory is held', async (t) => {
  const clock = new FakeClock(0)
  const sizes: number[] = []
  const { port, channelTo, heard } = await openPort(nativeUdp(refusing(['EAGAIN', 'ENOBUFS'], sizes), clock))
  const peer = await peerSocket()
  const channel = await channelTo(peer.at)
  const run = sendable('aabbc')
  channel.send(run, 0, 5, 2)
  await until(() => sizes.length === 1)
  channel.send(sendable('later'), 0, 5, 5)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(sizes.length, 1, 'nobody spins')
  t.equal(run.queued, 1)
  clock.advance(1)
  t.equal(sizes.length, 2)
  clock.advance(1)
  await until(() => peer.received.length === 4)
  t.same(peer.texts(), ['aa', 'bb', 'c', 'later'])
  t.equal(run.queued, 0)
  t.same(heard, [])
  await port.close()
  peer.socket.close()
})

for (const code of ['EIO', 'EINVAL']) {
  t.test(`${code}: where the kernel can't cut, datagrams go one by one`, async (t) => {
    const sizes: number[] = []
    const { port, channelTo, heard } = await openPort(nativeUdp(refusing([code], sizes), systemClock))
    const peer = await peerSocket()
    const channel = await channelTo(peer.at)
    channel.send(sendable('aabbc'), 0, 5, 2)
    await until(() => peer.received.length === 3)
    channel.send(sendable('ddee'), 0, 4, 2)
    await until(() => peer.received.length === 5)
    t.same(peer.texts(), ['aa', 'bb', 'c', 'dd', 'ee'])
    t.same(sizes, [1, 3, 2])
    t.same(heard, [])
    await port.close()
    peer.socket.close()
  })
}

t.test('a datagram that the kernel refuses is lost and told; those after it leave', async (t) => {
  const { port, channelTo, heard } = await openPort(nativeUdp(refusing(['EPERM']), systemClock))
  const peer = await peerSocket()
  const channel = await channelTo(peer.at)
  channel.send(sendable('lost'), 0, 4, 4)
  channel.send(sendable('next'), 0, 4, 4)
  await until(() => peer.received.length === 1)
  t.same(peer.texts(), ['next'])
  t.same(heard, ['error EPERM'])
  await port.close()
  peer.socket.close()
})

t.test('calls that do not do what they should leave the plain engine', async (t) => {
  const port = await openPort(nativeUdp({ ...calls, receiveMessages: () => -1, failure: () => 'ENOSYS' }, systemClock))
  await port.port.close()
  await t.rejects(openPort(native, { address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' })
  await t.rejects(openPort(native, { address: '192.0.2.1', channelPorts: 'same' }), { code: 'EADDRNOTAVAIL' })
})
