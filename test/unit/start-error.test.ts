import t from 'tap'
import { directoryError, type Endpoint, listenError } from '../../server/start-error.ts'

const tftp: Endpoint = { face: 'TFTP', protocol: 'udp', address: '0.0.0.0', port: 69, setting: 'tftp.port' }
const failure = (code: string) => Object.assign(new Error(`bind ${code}`), { code })

const cases = {
  EADDRINUSE: [
    'PORT_TAKEN',
    "TFTP: UDP port 69 on 0.0.0.0 is taken; see by whom with: ss -lunp 'sport = :69' – or set tftp.port"
  ],
  EACCES: [
    'PORT_FORBIDDEN',
    'TFTP: UDP port 69 on 0.0.0.0 is for root or CAP_NET_BIND_SERVICE only; run as root, or as config/rootcast.service does'
  ],
  EADDRNOTAVAIL: ['ADDRESS_NOT_HERE', 'TFTP: UDP port 69 on 0.0.0.0: this machine has no such address; set tftp.port'],
  EIO: ['LISTEN_FAILED', 'TFTP: UDP port 69 on 0.0.0.0: bind EIO']
}

for (const [errno, [code, message]] of Object.entries(cases)) {
  t.test(`${errno} is ${code}`, async (t) => {
    const cause = failure(errno)
    t.match(listenError(cause, tftp), { code, message, cause })
  })
}

t.test('directories', async (t) => {
  t.match(directoryError(failure('EACCES'), '/var/lib/rootcast', 'stateDir'), {
    code: 'DIRECTORY_UNUSABLE',
    message: '/var/lib/rootcast: not writable by this user; mend it, or set stateDir'
  })
})
