// A TFTP server in a process of its own, to be killed: serves the file `argv[3]` as `image` on 127.0.0.1, port `argv[2]`.
import { statSync } from 'node:fs'
import { file, serveTftp } from './tftp-server.ts'

const [, , port = '', path = ''] = process.argv
const image = file(path, statSync(path).size)
const { server } = await serveTftp({ image }, { port: Number(port) })
const staysAlive = setInterval(() => undefined, 60_000)
process.once('SIGTERM', async () => {
  await server.close()
  clearInterval(staysAlive)
})
console.log('ready')
