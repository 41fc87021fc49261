// What one message says of its sender, gathered once; every later decision is a choice over these values.
import { ARCH_CODES } from '../boot/arch.ts'
import type { Arch, Stage } from '../boot/model.ts'
import { type Ipv6, macOfEui64 } from '../net/ipv6.ts'
import type { Mac } from '../net/mac.ts'
import { MalformedPacket } from '../wire/cursor.ts'
import { isDuid, macOfDuid, uuidOfDuid } from './duid.ts'
import { type IdentityAssociation, readAssociations, readPxeVendorClass, readU16s, readUserClasses } from './options.ts'
import { type Message6, optionValue, type Received6 } from './packet.ts'
import { OPTION } from './registry.ts'

export interface Facts6 {
  readonly clientId: Uint8Array | undefined
  readonly serverId: Uint8Array | undefined
  /** What the machine is known by: its MAC, else its DUID. */
  readonly identity: Mac | undefined
  readonly mac: Mac | undefined
  readonly associations: readonly IdentityAssociation[]
  /** Option codes that it would like to have. */
  readonly wanted: readonly number[]
  readonly vendor: 'PXEClient' | 'HTTPClient' | undefined
  readonly arch: Arch
  readonly stage: Stage
  /** SMBIOS UUID, lower case with hyphens. */
  readonly uuid: string | undefined
}

/** Throws MalformedPacket when an option that decides something is not of its shape. @param source who sent the datagram */
export function factsOf({ message, relays }: Received6, source: Ipv6): Facts6 {
  const { options } = message
  const clientId = duidOf(message, OPTION.clientId)
  const archCodes = readU16s(options, OPTION.arch)
  const known = archCodes.map((code) => ARCH_CODES.get(code)).find((entry) => entry !== undefined)
  const vendor = vendorOf(readPxeVendorClass(options))
  const stage = stageOf(readUserClasses(options), vendor, known?.http ?? false, archCodes.length > 0)
  const nearest = relays.at(-1)
  const told = nearest && optionValue(nearest.options, OPTION.clientLinkLayerAddress)
  // A DUID may hold the MAC of another card of the machine: it has the last word.
  const mac =
    (told && macOfLinkLayer(told)) ??
    macOfEui64(nearest?.peerAddress ?? source) ??
    (clientId === undefined ? undefined : macOfDuid(clientId))
  return {
    clientId,
    serverId: duidOf(message, OPTION.serverId),
    identity: mac ?? (clientId && `duid-${Buffer.from(clientId).toString('hex')}`),
    mac,
    associations: readAssociations(options),
    wanted: readU16s(options, OPTION.optionRequest),
    vendor,
    arch: known?.arch ?? 'unknown',
    stage,
    uuid: clientId && uuidOfDuid(clientId, stage !== 'ipxe')
  }
}

/**
 * As the relay agent nearest to the client says: an interface-id is a port of a switch, and whoever floods from there takes no
 * other port's share.
 * @param link the card it came by
 */
export function wayOf({ relays }: Received6, link: string): string {
  const nearest = relays.at(-1)
  if (nearest === undefined) return link
  const told = [OPTION.interfaceId, OPTION.remoteId].map((code) => optionValue(nearest.options, code) ?? '')
  return [nearest.linkAddress, ...told.map((value) => Buffer.from(value).toString('latin1'))].join(' ')
}

function duidOf({ options }: Message6, code: number): Uint8Array | undefined {
  const value = optionValue(options, code)
  if (value && !isDuid(value)) throw new MalformedPacket(`option ${code}`, 0)
  return value
}

/** RFC 6939: hardware type and address. */
function macOfLinkLayer(value: Uint8Array): Mac | undefined {
  const hex = Buffer.from(value).toString('hex')
  return /^0001[0-9a-f]{12}$/.test(hex) ? hex.slice(4).replace(/..(?!$)/g, '$&:') : undefined
}

function vendorOf(vendorClass: string | undefined): Facts6['vendor'] {
  if (vendorClass?.startsWith('PXEClient')) return 'PXEClient'
  if (vendorClass?.startsWith('HTTPClient')) return 'HTTPClient'
  return undefined
}

function stageOf(
  userClasses: readonly string[],
  vendor: Facts6['vendor'],
  archIsHttp: boolean,
  saysArch: boolean
): Stage {
  if (userClasses.includes('iPXE')) return 'ipxe'
  if (vendor === 'HTTPClient' || archIsHttp) return 'http-boot'
  if (vendor === 'PXEClient' || saysArch) return 'firmware'
  return 'system'
}
