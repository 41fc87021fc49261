import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { Doors } from '../../../server/http/doors.ts'

t.test('one port on IPv4 and on IPv6, each for itself', async (t) => {
  const arrived: Socket[] = []
  const doors = new Doors((socket) => {
    arrived.push(socket)
    socket.end('hello')
  })
  t.teardown(() => doors.close())
  const port = await doors.open('0.0.0.0', 0)
  t.equal(await doors.open('::', port), port)
  for (const host of ['127.0.0.1', '::1']) {
    const [greeting] = await once(connect({ host, port }), 'data')
    t.equal(String(greeting), 'hello')
  }
  t.same(
    arrived.map((socket) => socket.localAddress),
    ['127.0.0.1', '::1']
  )
})

t.test('a port that is taken', async (t) => {
  const doors = new Doors((socket) => socket.destroy())
  t.teardown(() => doors.close())
  const port = await doors.open('127.0.0.1', 0)
  await t.rejects(doors.open('127.0.0.1', port), { code: 'EADDRINUSE' })
})

t.test('closed doors let nobody in', async (t) => {
  const doors = new Doors((socket) => socket.destroy())
  const port = await doors.open('127.0.0.1', 0)
  await doors.close()
  const [error] = await once(connect({ host: '127.0.0.1', port }), 'error')
  t.match(error, { code: 'ECONNREFUSED' })
})
