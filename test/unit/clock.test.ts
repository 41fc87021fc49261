import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../server/clock.ts'

t.test('a timer that is late runs after what has come in meanwhile was heard', async (t) => {
  const socket = dgram.createSocket('udp4')
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const told: string[] = []
  const isHeard = new Promise<void>((resolve) =>
    socket.on('message', () => {
      told.push('heard')
      resolve()
    })
  )
  const isDue = new Promise<void>((resolve) =>
    systemClock.after(1, () => {
      told.push('due')
      resolve()
    })
  )
  socket.send('hello', socket.address().port, '127.0.0.1')
  const busyUntil = systemClock.monotonic() + 20
  while (systemClock.monotonic() < busyUntil);
  await Promise.all([isHeard, isDue])
  t.same(told, ['heard', 'due'])
})

t.test('a timer that is cancelled does not run, even when it is due', async (t) => {
  const ran: string[] = []
  const one = systemClock.after(1, () => ran.push('one'))
  const two = systemClock.after(1, () => ran.push('two'))
  const busyUntil = systemClock.monotonic() + 5
  while (systemClock.monotonic() < busyUntil);
  one.cancel()
  await new Promise<void>((resolve) => setTimeout(() => setImmediate(resolve), 5))
  two.cancel()
  t.same(ran, ['two'])
})
