// What real firmware and loaders sent over TFTP: each packet is decoded and comes out again byte for byte, each request gets
// its answer, and each transfer goes on as its ACKs say. The goldens beside the captures are readable; UPDATE=1 writes
// them anew, and their diff is reviewed like code. Captures keep the first blocks of a transfer, without their data.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import {
  decodeTftp,
  encodeAck,
  encodeError,
  encodeOack,
  encodeRequest,
  type TftpPacket,
  type TftpRequest
} from '../../server/tftp/packet.ts'
import { negotiate } from '../../server/tftp/terms.ts'
import { advance, begin, type Step, type Transfer } from '../../server/tftp/transfer.ts'
import { type CapturedDatagram, readPcap } from '../support/pcap.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures')
const CAPS = { blksize: 1468, windowsize: 64, windowBytes: 128 * 1024 }
const DHCP_PORTS = [67, 68, 4011]
/** Of a file whose size nobody asked for in the capture. */
const SIZE_BYTES = 1_000_000

interface Told {
  readonly request: TftpRequest
  /** What the client said after it. */
  readonly said: TftpPacket[]
  missing: boolean
}

function isTftp({ source, destination }: CapturedDatagram): boolean {
  return !DHCP_PORTS.includes(source.port) && !DHCP_PORTS.includes(destination.port)
}

/** Transfers in their order. */
function transfersOf(heard: readonly CapturedDatagram[]): readonly Told[] {
  const byPort = new Map<number, Told>()
  const all: Told[] = []
  for (const { source, destination, payload } of heard) {
    const packet = decodeTftp(payload)
    if (packet.kind === 'request') {
      const told = { request: packet, said: [], missing: false }
      all.push(told)
      byPort.set(source.port, told)
    } else {
      byPort.get(source.port)?.said.push(packet)
      const asker = byPort.get(destination.port)
      if (asker && packet.kind === 'error') asker.missing = packet.errorCode === 1
    }
  }
  return all
}

function sizesOf(heard: readonly CapturedDatagram[]): ReadonlyMap<string, number> {
  const names = new Map<number, string>()
  const sizes = new Map<string, number>()
  for (const { source, destination, payload } of heard) {
    const packet = decodeTftp(payload)
    if (packet.kind === 'request') names.set(source.port, packet.name)
    const tsize = packet.kind === 'oack' ? packet.options.get('tsize') : undefined
    if (tsize !== undefined) sizes.set(names.get(destination.port) ?? '', Number(tsize))
  }
  return sizes
}

/** Request, our answer to it, and what each packet of the client's brought about. */
function described({ request, said, missing }: Told, sizeBytes: number): unknown {
  const asked = { name: request.name, mode: request.mode, ...Object.fromEntries(request.options) }
  if (missing) return { asked, answer: encodeError(1, 'file not found').toString('latin1') }
  const { oack, blksize, windowsize, timeoutSeconds = 1 } = negotiate(request.options, sizeBytes, 'octet', CAPS)
  const first = begin(
    {
      blocks: Math.floor(sizeBytes / blksize) + 1,
      windowsize,
      oack: oack !== undefined,
      initialTimeoutMs: timeoutSeconds * 1000,
      minTimeoutMs: 20,
      maxTimeoutMs: 5000,
      giveUpAfterMs: 15_000,
      minTries: 5
    },
    0
  )
  return { asked, answer: oack && encodeOack(oack).toString('latin1'), course: followed(first, said) }
}

/** In a world without time: nothing is repeated by a timer. */
function followed(first: Step, said: readonly TftpPacket[]): readonly string[] {
  const lines = [`begin: ${inWords(first)}`]
  let transfer: Transfer | undefined = first.kind === 'failed' ? undefined : first.next
  for (const packet of said) {
    if (transfer === undefined) throw new Error('it went on after the end')
    const isAck = packet.kind === 'ack'
    const step = advance(transfer, isAck ? { kind: 'ack', block: packet.block, at: 0 } : { kind: 'error' })
    lines.push(`${isAck ? `ACK ${packet.block}` : packet.kind}: ${inWords(step)}`)
    transfer = step.kind === 'failed' || step.kind === 'done' ? undefined : step.next
  }
  return lines
}

function inWords(step: Step): string {
  if (step.kind === 'send') return step.to === 0 ? 'OACK' : `DATA ${step.from} to ${step.to}`
  return step.kind === 'failed' ? step.reason : step.kind
}

function survives(t: Test, { payload }: CapturedDatagram): void {
  const packet = decodeTftp(payload)
  if (packet.kind === 'data') return
  t.same(encoded(packet), payload, packet.kind)
}

function encoded(packet: Exclude<TftpPacket, { kind: 'data' }>): Buffer {
  switch (packet.kind) {
    case 'request':
      return encodeRequest(packet)
    case 'ack':
      return encodeAck(packet.block)
    case 'error':
      return encodeError(packet.errorCode, packet.message)
    case 'oack':
      return encodeOack(packet.options)
  }
}

for (const path of globSync(join(CAPTURES, '*.pcap')).sort()) {
  t.test(basename(path), async (t) => {
    const heard = readPcap(path).filter(isTftp)
    t.ok(heard.length > 0)
    for (const datagram of heard) survives(t, datagram)
    const sizes = sizesOf(heard)
    const transfers = transfersOf(heard).map((told) => described(told, sizes.get(told.request.name) ?? SIZE_BYTES))
    const found = `${JSON.stringify(transfers, null, 2)}\n`
    const golden = path.replace(/\.pcap$/, '.tftp.json')
    if (process.env.UPDATE === '1') writeFileSync(golden, found)
    t.equal(found, readFileSync(golden, 'utf8'))
  })
}
