// A program that speaks DHCPv6 from inside a namespace: where sockets are named by zones, they have to be opened there.
// Sends one datagram and prints each that comes back, as its sender and hex, until there are as many as were asked for.
import dgram from 'node:dgram'
import process from 'node:process'

const [port = '', to = '', toPort = '', hex = '', count = ''] = process.argv.slice(2)
const socket = dgram.createSocket('udp6')
let left = Number(count)
socket.on('message', (datagram, { address }) => {
  process.stdout.write(`${address} ${datagram.toString('hex')}\n`)
  left -= 1
  if (left === 0) socket.close()
})
socket.bind(Number(port), '::', () => socket.send(Buffer.from(hex, 'hex'), Number(toPort), to))
