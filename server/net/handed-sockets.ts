// Sockets that systemd opened for us and handed over (sd_listen_fds(3)): UDP ones, each named after its network card.
import dgram from 'node:dgram'
import { type Ipv4, parseIpv4 } from './ipv4.ts'
import { literalAddress, opened } from './udp.ts'

export interface HandedSocket {
  /** FileDescriptorName= of its .socket unit. */
  readonly device: string
  /** 0 is every address. */
  readonly address: Ipv4
  readonly port: number
  readonly socket: dgram.Socket
}

const FIRST_FD = 3

/**
 * Takes them into use, and out of the environment, for they are nobody else's. Rejects when one of them is no open UDP
 * socket for IPv4: the units say something else than was meant.
 */
export async function takeHandedSockets(env: NodeJS.ProcessEnv, pid: number): Promise<readonly HandedSocket[]> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env
  delete env.LISTEN_PID
  delete env.LISTEN_FDS
  delete env.LISTEN_FDNAMES
  if (Number(LISTEN_PID) !== pid) return []
  const names = LISTEN_FDNAMES.split(':')
  return Promise.all(Array.from({ length: Number(LISTEN_FDS) || 0 }, (_, i) => take(FIRST_FD + i, names[i] ?? '')))
}

async function take(fd: number, device: string): Promise<HandedSocket> {
  const socket = dgram.createSocket({ type: 'udp4', lookup: literalAddress })
  await opened(socket, (done) => void socket.bind({ fd }, done))
  const { address, port } = socket.address()
  return { device, address: parseIpv4(address) ?? 0, port, socket }
}
