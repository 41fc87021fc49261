// TFTP: the codec, names, terms and netascii.
import { isDeepStrictEqual } from 'node:util'
import { normaliseName } from '../../../server/tftp/names.ts'
import { NetasciiSource, netasciiLength, toNetascii } from '../../../server/tftp/netascii.ts'
import {
  ackBlock,
  decodeTftp,
  encodeAck,
  encodeData,
  encodeError,
  encodeOack,
  encodeRequest,
  type TftpPacket
} from '../../../server/tftp/packet.ts'
import { negotiate } from '../../../server/tftp/terms.ts'
import { MalformedPacket } from '../../../server/wire/cursor.ts'
import { hold, type Target, tolerate } from '../engine/target.ts'
import { pieces } from '../spans.ts'

const ASKED = new Map([
  ['blksize', '1428'],
  ['tsize', '0'],
  ['timeout', '3'],
  ['windowsize', '16']
])
const FILE_BYTES = 1_000_000
const CAPS = { blksize: 1468, windowsize: 64, windowBytes: 128 * 1024 }

export const REQUESTS: readonly Buffer[] = [
  encodeRequest({ operation: 'read', name: 'ipxe/undionly.kpxe', mode: 'octet', options: ASKED }),
  encodeRequest({ operation: 'read', name: '\\EFI\\..\\pxelinux.cfg/default', mode: 'netascii', options: new Map() }),
  encodeRequest({ operation: 'write', name: 'x', mode: 'mail', options: new Map([['multicast', '']]) })
]

function encode(packet: TftpPacket): Buffer {
  switch (packet.kind) {
    case 'request':
      return encodeRequest(packet)
    case 'data':
      return encodeData(packet.block, packet.bytes)
    case 'ack':
      return encodeAck(packet.block)
    case 'error':
      return encodeError(packet.errorCode, packet.message)
    case 'oack':
      return encodeOack(packet.options)
  }
}

const codec: Target = {
  name: 'tftp-packet',
  maxBytes: 1600,
  seeds: () => [
    ...REQUESTS,
    encodeData(7, Buffer.alloc(20, 1)),
    encodeAck(65_535),
    encodeError(8, 'User aborted the transfer'),
    encodeOack(ASKED)
  ],
  spans: (input) => pieces(input, 0),
  run(input) {
    const block = ackBlock(input)
    const packet = tolerate(() => decodeTftp(input), MalformedPacket)
    if (block !== undefined) hold(packet?.kind === 'ack' && packet.block === block, 'an ACK is read in two ways')
    if (!packet) return
    hold(isDeepStrictEqual(decodeTftp(encode(packet)), packet), 'a packet differs when it is written and read again')
    if (packet.kind === 'request') request(packet)
  }
}

function request({ name, options }: Extract<TftpPacket, { kind: 'request' }>): void {
  const normal = normaliseName(name)
  if (normal.kind === 'name') {
    hold(!/(^|\/)\.{0,2}(\/|$)|[\\\0]/.test(normal.name), `a name with a way out: ${normal.name}`)
    hold(isDeepStrictEqual(normaliseName(normal.name), normal), 'a normal name has another one')
  }
  for (const mode of ['octet', 'netascii'] as const) {
    const { blksize, windowsize, oack } = negotiate(options, FILE_BYTES, mode, CAPS)
    hold(blksize >= 8 && blksize <= CAPS.blksize, `blksize ${blksize}`)
    hold(windowsize >= 1 && windowsize <= CAPS.windowsize, `windowsize ${windowsize}`)
    for (const option of oack?.keys() ?? []) hold(options.has(option), `${option} was not asked for`)
  }
}

const PIECE = 32 * 1024

const netascii: Target = {
  name: 'netascii',
  maxBytes: 4096,
  // The last byte says where it is read.
  seeds: () => [Buffer.from('#!ipxe\nboot\r\n\r'), Buffer.concat([Buffer.alloc(PIECE, '\n'), Buffer.from('x')])],
  spans: (input) => pieces(input, 10, 13),
  baseWork: 4_000_000, // the text is repeated until it has more than one piece
  async run(input) {
    // As often as makes more than one piece.
    const body = Buffer.concat(Array.from({ length: Math.ceil((2 * PIECE) / (input.length + 1)) }, () => input))
    const whole = toNetascii(body)
    hold(whole.length === netasciiLength(body), 'netascii is not as long as foretold')
    const source = await NetasciiSource.over({
      sizeBytes: body.length,
      read: async (into, position) => void body.copy(into, 0, position)
    })
    hold(source.sizeBytes === whole.length, 'a netascii view is not as long as the text')
    const at = Math.min(whole.length, (input.at(-1) ?? 0) * 300)
    const into = Buffer.alloc(Math.min(512, whole.length - at))
    await source.read(into, at)
    hold(into.equals(whole.subarray(at, at + into.length)), 'a netascii view differs from the text')
  }
}

export const targets: readonly Target[] = [codec, netascii]
