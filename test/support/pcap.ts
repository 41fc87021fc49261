// Reads classic pcap files of Ethernet frames: the UDP datagrams in them, in order.
import { readFileSync } from 'node:fs'
import type { Ipv4 } from '../../server/net/ipv4.ts'
import { type Ipv6, ipv6FromBytes } from '../../server/net/ipv6.ts'

export interface CapturedDatagram<Address = Ipv4> {
  readonly source: { readonly address: Address; readonly port: number }
  readonly destination: { readonly address: Address; readonly port: number }
  readonly payload: Buffer
}

const LITTLE_ENDIAN = 0xa1b2c3d4
const ETHERNET = 1
const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
const IPV6_HEADER = 40
const UDP = 17

/** A file that is still being written may end in the middle of a frame, which is left out. */
export function readPcap(path: string): readonly CapturedDatagram[] {
  return framesOf(path).flatMap((frame) => udpOf(frame) ?? [])
}

/** Those over IPv6. */
export function readPcap6(path: string): readonly CapturedDatagram<Ipv6>[] {
  return framesOf(path).flatMap((frame) => udp6Of(frame) ?? [])
}

function framesOf(path: string): readonly Buffer[] {
  const file = readFileSync(path)
  if (file.length < 24) return []
  if (file.readUInt32LE(0) !== LITTLE_ENDIAN || file.readUInt32LE(20) !== ETHERNET) {
    throw new Error(`${path}: not a little-endian pcap file of Ethernet frames`)
  }
  const frames: Buffer[] = []
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8)
    if (at + 16 + length > file.length) break
    frames.push(file.subarray(at + 16, at + 16 + length))
    at += 16 + length
  }
  return frames
}

function udpOf(frame: Buffer): CapturedDatagram | undefined {
  if (frame.readUInt16BE(12) !== ETHERTYPE_IPV4) return undefined
  const packet = frame.subarray(14)
  if (packet.readUInt8(9) !== UDP) return undefined
  const udp = packet.subarray((packet.readUInt8(0) & 15) * 4)
  return {
    source: { address: packet.readUInt32BE(12), port: udp.readUInt16BE(0) },
    destination: { address: packet.readUInt32BE(16), port: udp.readUInt16BE(2) },
    payload: udp.subarray(8, udp.readUInt16BE(4))
  }
}

/** Without extension headers, which no DHCPv6 has. */
function udp6Of(frame: Buffer): CapturedDatagram<Ipv6> | undefined {
  if (frame.readUInt16BE(12) !== ETHERTYPE_IPV6) return undefined
  const packet = frame.subarray(14)
  if (packet.readUInt8(6) !== UDP) return undefined
  const udp = packet.subarray(IPV6_HEADER)
  return {
    source: { address: ipv6FromBytes(packet.subarray(8, 24)), port: udp.readUInt16BE(0) },
    destination: { address: ipv6FromBytes(packet.subarray(24, 40)), port: udp.readUInt16BE(2) },
    payload: udp.subarray(8, udp.readUInt16BE(4))
  }
}
