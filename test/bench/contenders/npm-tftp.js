// The npm package `tftp` as a server: node npm-tftp.js ADDRESS ROOT
import tftp from 'tftp'

const [address, root] = process.argv.slice(2)
const server = tftp.createServer({ host: address, port: 69, root, denyPUT: true })
server.on('error', (error) => console.error(error.message))
server.on('request', (request) => request.on('error', () => undefined)) // or a client that leaves ends the process
server.listen()
