import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { systemClock } from '../../../server/clock.ts'
import { loadDeviceSockets } from '../../../server/net/device-socket.ts'
import { takeHandedSockets } from '../../../server/net/handed-sockets.ts'

const RECEIVER = `
import { takeHandedSockets } from '${new URL('../../../server/net/handed-sockets.ts', import.meta.url)}'
const handed = await takeHandedSockets(process.env, process.pid)
const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'))
console.log(JSON.stringify({ handed: handed.map(({ device, address, port }) => ({ device, address, port })), left }))
for (const { socket } of handed) socket.close()
`

t.test('sockets as systemd hands them over: from descriptor 3 on, named', async (t) => {
  const native = await loadDeviceSockets(systemClock)
  if (!native) throw new Error('no native code')
  const open = (address: number) => native.open({ device: 'lo', address, port: 0, receiveBufferBytes: 100_000 })
  // LISTEN_PID is the receiver's own, as after systemd's exec.
  const script = `exec env LISTEN_PID=$$ "${process.execPath}" --input-type=module-typescript --eval "$RECEIVER"`
  const child = spawn('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'inherit', open(0), open(0x7f000002)],
    env: { ...process.env, RECEIVER, LISTEN_FDS: '2', LISTEN_FDNAMES: 'eth1:br-lan' }
  })
  const [output] = await Promise.all([child.stdout ? text(child.stdout) : '', once(child, 'close')])
  const { handed, left } = JSON.parse(output)
  t.match(handed, [
    { device: 'eth1', address: 0, port: Number },
    { device: 'br-lan', address: 0x7f000002, port: Number }
  ])
  t.same(left, [], 'and no child of ours takes them for its own')
})

t.test('none when they are somebody else’s, or when there are none', async (t) => {
  t.same(await takeHandedSockets({ LISTEN_PID: '1', LISTEN_FDS: '2' }, 4711), [])
  t.same(await takeHandedSockets({}, 4711), [])
})
