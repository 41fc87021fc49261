// What real firmware sent: each message is decoded, survives being written again, and is answered. The goldens beside
// the captures hold it all in readable form; UPDATE=1 writes them anew, and their diff is reviewed like code.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import type { Client } from '../../server/boot/model.ts'
import { factsOf } from '../../server/dhcp/facts.ts'
import { DhcpHandler } from '../../server/dhcp/handler.ts'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../server/dhcp/packet.ts'
import { type DhcpConfig, NO_RESERVATIONS } from '../../server/dhcp/settings.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import { addr, bootAnswer, configOf, readable } from '../support/dhcp-packets.ts'
import { type CapturedDatagram, readPcap } from '../support/pcap.ts'

const CAPTURES = join(import.meta.dirname, '../fixtures/captures')
const LINK = { name: 'eth0', addresses: [addr('192.168.77.1'), addr('192.168.77.3')] }
const NOW = Date.UTC(2026, 0, 1)

const BOOTFILES: Record<Client['stage'], string> = {
  firmware: 'shimx64.efi',
  'http-boot': 'http://192.168.77.1/shimx64.efi',
  ipxe: 'http://192.168.77.1/boot.ipxe',
  system: ''
}

function serverIn(mode: DhcpConfig['mode']): DhcpHandler {
  const pools = [{ from: addr('192.168.77.100'), to: addr('192.168.77.240') }]
  const subnet = { subnet: { network: addr('192.168.77.0'), prefix: 24 }, pools, leaseSeconds: 3600 }
  return new DhcpHandler({
    config: configOf({ mode, subnets: [subnet] }),
    boot: { dhcpOptions: () => new Map(), answer: ({ stage }) => bootAnswer({ bootfile: BOOTFILES[stage] }) },
    reservations: NO_RESERVATIONS
  })
}

function isDhcp({ source, destination }: CapturedDatagram): boolean {
  return [67, 68, 4011].includes(source.port) && [67, 68, 4011].includes(destination.port)
}

function answers(captured: readonly CapturedDatagram[], mode: DhcpConfig['mode']): readonly unknown[] {
  const server = serverIn(mode)
  return captured.map(({ payload, source, destination }) => {
    const arrival = { link: LINK, source, port: destination.port === 4011 ? 4011 : 67 } as const
    const { reply } = server.handle(decodeDhcp(payload), arrival, NOW)
    return reply ? { to: `${formatIpv4(reply.to.address)}:${reply.to.port}`, ...readable(reply.bytes) } : null
  })
}

function whoAsks(packet: DhcpPacket): unknown {
  const { stage, arch, vendor, uuid, maxLengthBytes } = factsOf(packet)
  return { stage, arch, vendor, uuid, maxLengthBytes }
}

function described(captured: readonly CapturedDatagram[]): unknown {
  const authoritative = answers(captured, 'authoritative')
  const proxy = answers(captured, 'proxy')
  return captured.map(({ payload }, i) => {
    const packet = decodeDhcp(payload)
    if (packet.op === 'reply') return { op: packet.op, ...readable(payload) }
    return {
      op: packet.op,
      ...readable(payload),
      facts: whoAsks(packet),
      authoritative: authoritative[i],
      proxy: proxy[i]
    }
  })
}

for (const path of globSync(join(CAPTURES, '*.pcap')).sort()) {
  t.test(basename(path), async (t) => {
    const captured = readPcap(path).filter(isDhcp)
    t.ok(captured.length > 1)
    for (const { payload } of captured) {
      const packet = decodeDhcp(payload)
      t.same(decodeDhcp(encodeDhcp(packet)), packet)
    }
    const found = `${JSON.stringify(described(captured), null, 2)}\n`
    const golden = path.replace(/\.pcap$/, '.dhcp.json')
    if (process.env.UPDATE === '1') writeFileSync(golden, found)
    t.equal(found, readFileSync(golden, 'utf8'))
  })
}
