// Connections that want nothing: idle ones, and ones that send a request byte by byte without end (slowloris). Those that
// the server closes are opened again, so many a second. Runs until it is stopped.
//
//   node hoard.ts --server 127.0.0.1 --port 80 --idle 10000 --slow 500 --addresses 200
//
// Node is fast enough here: connections are made once. The addresses are those from 127.2.0.1 on.
import { connect } from 'node:net'
import { parseArgs } from 'node:util'

const DRIBBLE_MS = 500
/** Opened at a time, while others are still on their way. */
const AT_ONCE = 200
/** A server that turns us away is not to be the whole of the load. */
const AGAIN_PER_SECOND = 500

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '80' },
    idle: { type: 'string', default: '10000' },
    slow: { type: 'string', default: '500' },
    addresses: { type: 'string', default: '200' }
  }
})
const idle = Number(values.idle)
const wanted = idle + Number(values.slow)
let next = 0
let opening = 0
let open = 0

function addressOf(i: number): string {
  const host = (i % Number(values.addresses)) + 1
  return `127.2.${host >> 8}.${host & 255}`
}

/** Of those that were never there, or of those that are not there any more. */
function openMore(most: number): void {
  for (let i = 0; i < most && opening < AT_ONCE && open + opening < wanted; i++) openOne(next++)
}

function openOne(i: number): void {
  opening += 1
  const socket = connect({ host: values.server, port: Number(values.port), localAddress: addressOf(i) })
  let isOpen = false
  let timer: NodeJS.Timeout | undefined
  socket.on('error', () => {})
  socket.once('connect', () => {
    opening -= 1
    open += 1
    isOpen = true
    if (i % wanted >= idle) {
      socket.write('GET / HTTP/1.1\r\n')
      timer = setInterval(() => socket.write('x'), DRIBBLE_MS)
    }
    if (next < wanted) openMore(wanted - next)
  })
  socket.once('close', () => {
    clearInterval(timer)
    if (isOpen) open -= 1
    else opening -= 1
  })
}

openMore(wanted)
setInterval(() => openMore(AGAIN_PER_SECOND), 1_000)
