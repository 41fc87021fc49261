// Requests as clients send them, and replies as people read them.
import type { BootAnswer, BootAnswers } from '../../server/boot/answer.ts'
import { type DhcpPacket, decodeDhcp } from '../../server/dhcp/packet.ts'
import { MESSAGE_TYPE, OPTION } from '../../server/dhcp/registry.ts'
import { DHCP_DEFAULTS, type DhcpConfig, type DhcpSubnet } from '../../server/dhcp/settings.ts'
import { formatIpv4, type Ipv4, parseIpv4, parseSubnet, type Subnet } from '../../server/net/ipv4.ts'

export function addr(text: string): Ipv4 {
  const address = parseIpv4(text)
  if (address === undefined) throw new Error(`no address: ${text}`)
  return address
}

export function net(text: string): Subnet {
  const subnet = parseSubnet(text)
  if (subnet === undefined) throw new Error(`no subnet: ${text}`)
  return subnet
}

export const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
export const quad = (text: string): Uint8Array => bytes(...text.split('.').map(Number))

export const MAC = '52:54:00:11:22:33'

const EMPTY: DhcpPacket = {
  op: 'request',
  htype: 1,
  hops: 0,
  xid: 0x1234abcd,
  secs: 0,
  flags: 0,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: MAC,
  sname: '',
  file: '',
  options: new Map()
}

export type OptionList = readonly (readonly [code: number, value: Uint8Array])[]

export function packet(options: OptionList = [], header: Partial<DhcpPacket> = {}): DhcpPacket {
  return { ...EMPTY, ...header, options: new Map(options) }
}

export function message(
  type: keyof typeof MESSAGE_TYPE,
  options: OptionList = [],
  header: Partial<DhcpPacket> = {}
): DhcpPacket {
  return packet([[OPTION.messageType, bytes(MESSAGE_TYPE[type])], ...options], header)
}

/** A room of eleven addresses; 192.168.77.1 is the server's. */
export function roomOf(overrides: Partial<DhcpSubnet> = {}): DhcpSubnet {
  return {
    subnet: net('192.168.77.0/24'),
    pools: [{ from: addr('192.168.77.100'), to: addr('192.168.77.110') }],
    leaseSeconds: 3600,
    router: addr('192.168.77.1'),
    ...overrides
  }
}

export function configOf(overrides: Partial<DhcpConfig> = {}): DhcpConfig {
  return { ...DHCP_DEFAULTS, mode: 'authoritative', subnets: [roomOf()], ...overrides }
}

export function bootAnswer(overrides: Partial<BootAnswer & { kind: 'boot' }> = {}): BootAnswer {
  return {
    kind: 'boot',
    bootfile: 'ipxe/undionly.kpxe',
    nextServer: addr('192.168.77.1'),
    httpClient: false,
    kernelArguments: 'BOOT=overlay',
    rootPath: 'overlay:http://192.168.77.1/boots/b1/layers',
    pxelinux: undefined,
    dhcpOptions: new Map(),
    ...overrides
  }
}

export const NO_BOOT: BootAnswer = { kind: 'none', dhcpOptions: new Map() }

export function answering(answer: BootAnswer): BootAnswers {
  return { answer: () => answer, dhcpOptions: () => answer.dhcpOptions }
}

/** A reply's bytes as one readable value: header fields that are set, options in hexadecimal by code. */
export function readable(datagram: Uint8Array): Record<string, unknown> {
  const { options, op, htype, xid, ...rest } = decodeDhcp(datagram)
  const header = Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => value !== 0 && value !== '')
      .map(([name, value]) => [name, name.endsWith('iaddr') && typeof value === 'number' ? formatIpv4(value) : value])
  )
  return { ...header, options: optionsOf(options) }
}

export function optionsOf(options: ReadonlyMap<number, Uint8Array>): Record<number, string> {
  return Object.fromEntries([...options].map(([code, value]) => [code, Buffer.from(value).toString('hex')]))
}

/** Codes in the order in which they stand in the bytes. */
export function codesInOrder(datagram: Uint8Array): readonly number[] {
  const codes: number[] = []
  for (let at = 240; at < datagram.length && datagram[at] !== 255; ) {
    const code = datagram[at] ?? 0
    codes.push(code)
    at += code === 0 ? 1 : 2 + (datagram[at + 1] ?? 0)
  }
  return codes
}
