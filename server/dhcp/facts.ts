// What one request says of its sender, gathered once; every later decision is a choice over these values.
import { ARCH_CODES } from '../boot/arch.ts'
import type { Arch, Stage } from '../boot/model.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import { readIpv4, readSubOptions, readText, readU8, readU16 } from './options.ts'
import type { DhcpPacket, OptionMap } from './packet.ts'
import { OPTION, PXE, RELAY_AGENT } from './registry.ts'

export interface Facts {
  /** Option 53; undefined for plain BOOTP. */
  readonly messageType: number | undefined
  /** What the machine is known by: its MAC, else its other hardware address, else its client-id. */
  readonly identity: Mac | undefined
  /** Undefined unless Ethernet. */
  readonly mac: Mac | undefined
  /** Option 61 in hexadecimal. */
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  readonly requestedAddress: Ipv4 | undefined
  readonly serverId: Ipv4 | undefined
  /** Undefined: no list, which asks for everything. */
  readonly parameterList: Uint8Array | undefined
  /** Longest message that it takes, without IP and UDP headers. */
  readonly maxLengthBytes: number
  readonly vendor: 'PXEClient' | 'HTTPClient' | undefined
  readonly arch: Arch
  readonly stage: Stage
  /** SMBIOS UUID, lower case with hyphens. */
  readonly uuid: string | undefined
  /** PXE boot item (option 43.71) that it asks a boot server for: type and layer. */
  readonly bootItem: Uint8Array | undefined
  readonly relayAgent: ReadonlyMap<number, Uint8Array> | undefined
  readonly linkSelection: Ipv4 | undefined
  readonly serverIdOverride: Ipv4 | undefined
}

/** Throws MalformedPacket when an option that decides something has a wrong length. */
export function factsOf(packet: DhcpPacket): Facts {
  const { options } = packet
  const mac = macOf(packet)
  const clientId = hexOf(options.get(OPTION.clientId))
  const vendorText = readText(options, OPTION.vendorClass)
  const vendor = vendorOf(vendorText)
  const { arch, archKnown } = archOf(options, vendorText, mac)
  const stage = stageOf(options, vendor, archKnown, arch)
  // RFC 3046 §2.1: only a relay agent adds option 82, and its giaddr says that one did.
  const agentValue = packet.giaddr === 0 ? undefined : options.get(OPTION.relayAgent)
  const relayAgent = agentValue && readSubOptions(agentValue)
  return {
    messageType: readU8(options, OPTION.messageType),
    identity: identityOf(packet),
    mac,
    clientId,
    hostname: hostnameOf(options),
    requestedAddress: readIpv4(options, OPTION.requestedAddress),
    serverId: readIpv4(options, OPTION.serverId),
    parameterList: options.get(OPTION.parameterList),
    maxLengthBytes: maxLengthOf(options),
    vendor,
    arch,
    stage,
    uuid: uuidOf(options, stage),
    bootItem: bootItemOf(options),
    relayAgent,
    linkSelection: relayAgent && readIpv4(relayAgent, RELAY_AGENT.linkSelection),
    serverIdOverride: relayAgent && readIpv4(relayAgent, RELAY_AGENT.serverIdOverride)
  }
}

/** Does the client ask for this option, in words or by having no list? */
export function wants(facts: Facts, code: number): boolean {
  return facts.parameterList?.includes(code) ?? true
}

/** Does it name this option itself? */
export function asksFor(facts: Facts, code: number): boolean {
  return facts.parameterList?.includes(code) ?? false
}

const NO_ADDRESS = '00:00:00:00:00:00'

function macOf({ htype, chaddr }: DhcpPacket): Mac | undefined {
  return htype === 1 && chaddr.length === 17 ? chaddr : undefined
}

export function identityOf(packet: DhcpPacket): Facts['identity'] {
  const mac = macOf(packet)
  if (mac !== undefined && mac !== NO_ADDRESS) return mac
  if (mac === undefined && packet.chaddr !== '') return `${packet.htype.toString(16)}-${packet.chaddr}`
  const clientId = hexOf(packet.options.get(OPTION.clientId))
  return clientId === undefined ? undefined : `id-${clientId}` // RFC 4390: IPoIB sends no hardware address
}

/** A circuit is a port of a switch: whoever floods from there takes no other port's share. @param link the card it came by */
export function wayOf({ giaddr, options }: DhcpPacket, link: string): string {
  if (giaddr === 0) return link
  const agent = options.get(OPTION.relayAgent)
  return `${giaddr} ${agent ? Buffer.from(agent).toString('latin1') : ''}`
}

function vendorOf(vendorClass: string | undefined): Facts['vendor'] {
  if (vendorClass?.startsWith('PXEClient')) return 'PXEClient'
  if (vendorClass?.startsWith('HTTPClient')) return 'HTTPClient'
  return undefined
}

const RASPBERRY_PI = /^(b8:27:eb|dc:a6:32|e4:5f:01|28:cd:c1|d8:3a:dd|2c:cf:67):/

/** First-generation ROMs, up to the Pi 3. */
export function isEarlyRaspberryPi(facts: Facts): boolean {
  return facts.arch === 'raspberry-pi' && facts.mac?.startsWith('b8:27:eb:') === true
}

function archOf(
  options: OptionMap,
  vendorClass: string | undefined,
  mac: Mac | undefined
): { arch: Arch; archKnown: boolean } {
  const codes = archCodes(options, vendorClass)
  const known = codes.map((code) => ARCH_CODES.get(code)).find((entry) => entry !== undefined)
  // A Raspberry Pi says that it is an x86 BIOS, and leaves even that out of its REQUEST.
  const biosOrSilent = known === undefined ? netbootsAsPi(options) : known.arch === 'x86-bios'
  if (biosOrSilent && ((mac && RASPBERRY_PI.test(mac)) || saysPi(options))) {
    return { arch: 'raspberry-pi', archKnown: true }
  }
  return { arch: known?.arch ?? 'unknown', archKnown: codes.length > 0 }
}

/** Option 93 lists them as u16; without it the vendor class names one (`PXEClient:Arch:00007:…`). */
function archCodes(options: OptionMap, vendorClass: string | undefined): readonly number[] {
  const value = options.get(OPTION.arch)
  if (value) {
    const codes: number[] = []
    for (let i = 0; i + 1 < value.length; i += 2) codes.push(((value[i] ?? 0) << 8) | (value[i + 1] ?? 0))
    return codes
  }
  const named = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass ?? '')?.[1]
  return named === undefined ? [] : [Number(named)]
}

function saysPi(options: OptionMap): boolean {
  const value = options.get(OPTION.clientUuid)
  return value !== undefined && Buffer.from(value).toString('latin1', 1, 4) === 'RPi'
}

/** What tells the ROM of a Raspberry Pi from the system that runs on it later: it wants a TFTP server and a file. */
function netbootsAsPi(options: OptionMap): boolean {
  const list = options.get(OPTION.parameterList)
  return saysPi(options) || (list?.includes(OPTION.vendorSpecific) === true && list.includes(OPTION.tftpServer))
}

function stageOf(options: OptionMap, vendor: Facts['vendor'], archKnown: boolean, arch: Arch): Stage {
  if (isIpxe(options)) return 'ipxe'
  if (vendor === 'HTTPClient') return 'http-boot'
  if (vendor === 'PXEClient' || archKnown || arch === 'raspberry-pi') return 'firmware'
  return 'system'
}

/** By user class, raw or counted (RFC 3004); a build of somebody's own is known by the features in option 175. */
function isIpxe(options: OptionMap): boolean {
  const userClass = options.get(OPTION.userClass)
  if (userClass && userClasses(userClass).some((name) => name === 'iPXE' || name === 'gPXE')) return true
  const encapsulated = options.get(OPTION.ipxe)
  if (!encapsulated) return false
  for (const tag of readSubOptions(encapsulated).keys()) {
    if ((tag >= 0x10 && tag <= 0x4f) || tag === 0xeb) return true
  }
  return false
}

/** RFC 3004 counts each string; iPXE and others send one as it is. The counted form must fit to the byte. */
export function userClasses(value: Uint8Array): readonly string[] {
  const bytes = Buffer.from(value)
  const counted: string[] = []
  let at = 0
  while (at < bytes.length) {
    const length = bytes[at] ?? 0
    if (length === 0 || at + 1 + length > bytes.length) return [bytes.toString('latin1')]
    counted.push(bytes.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return counted
}

/** Option 97: type 0 and sixteen bytes. Any other length, and all zeros, say nothing. */
function uuidOf(options: OptionMap, stage: Stage): string | undefined {
  const value = options.get(OPTION.clientUuid)
  if (value?.length !== 17 || value[0] !== 0 || saysPi(options)) return undefined
  const bytes = Buffer.from(value.subarray(1))
  if (bytes.every((byte) => byte === 0)) return undefined
  // Firmware sends the SMBIOS table's bytes, whose first three numbers are little-endian; iPXE has turned them.
  if (stage !== 'ipxe') {
    bytes.subarray(0, 4).reverse()
    bytes.subarray(4, 6).reverse()
    bytes.subarray(6, 8).reverse()
  }
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function bootItemOf(options: OptionMap): Uint8Array | undefined {
  const value = options.get(OPTION.vendorSpecific)
  const item = value && readSubOptions(value).get(PXE.bootItem)
  return item?.length === 4 ? item : undefined
}

function hostnameOf(options: OptionMap): string | undefined {
  const name = readText(options, OPTION.hostname)
  return name !== undefined && /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(name) ? name : undefined
}

const IP_AND_UDP_HEADERS = 28

/** Option 57 counts the whole datagram, at least 576 bytes; EDK2 sends it with its bytes swapped (65280). */
function maxLengthOf(options: OptionMap): number {
  const datagram = Math.max(readU16(options, OPTION.maxMessageSize) ?? 576, 576)
  return Math.min(datagram, 1500) - IP_AND_UDP_HEADERS
}

function hexOf(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
}
