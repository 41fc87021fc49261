// DHCPv6 messages as clients and relay agents send them, and a handler to ask.
import type { BootAnswer, BootAnswers } from '../../server/boot/answer.ts'
import type { Client } from '../../server/boot/model.ts'
import { type Arrival6, Dhcp6Handler, type Link6 } from '../../server/dhcp6/handler.ts'
import { association, pxeVendorClass } from '../../server/dhcp6/options.ts'
import {
  decodeDhcp6,
  encodeMessage,
  encodeOptions,
  type Message6,
  type Option6,
  type Received6
} from '../../server/dhcp6/packet.ts'
import { MESSAGE, OPTION } from '../../server/dhcp6/registry.ts'
import type { Dhcp6Config } from '../../server/dhcp6/settings.ts'
import { type Ipv6, ipv6Bytes } from '../../server/net/ipv6.ts'

export const SERVER_ID = Buffer.from('000400112233445566778899aabbccddeeff', 'hex')
/** DUID-LL of 52:54:00:00:00:0c: another card than the one that asks. */
export const CLIENT_ID = Buffer.from('0003000152540000000c', 'hex')
export const MAC = '52:54:00:77:00:01'
/** Link-local, with MAC inside. */
export const SOURCE: Ipv6 = 'fe80::5054:ff:fe77:1'
export const SERVER: Ipv6 = 'fd00:77::1'
export const LINK: Link6 = { name: 'lan', addresses: [SERVER] }
export const NOW = Date.UTC(2026, 10, 21)
export const IAID = 0x01020304

const MANY = 1_000_000
const NO_LIMITS = { strangersPerSecond: MANY, strangersPerSecondPerLink: MANY, packetsPerSecondPerMachine: MANY }

export function configOf(settings: Partial<Dhcp6Config> = {}): Dhcp6Config {
  return {
    mode: 'authoritative',
    interfaces: [],
    serverAddress: undefined,
    routerAdvertisements: true,
    limits: NO_LIMITS,
    subnets: [{ subnet: { network: 'fd00:77::', prefix: 64 }, leaseSeconds: 3600, dns: ['fd00:77::53'] }],
    ...settings
  }
}

export function option(code: number, hex: string): Option6 {
  return { code, value: Buffer.from(hex, 'hex') }
}

export const CLIENT_ID_OPTION: Option6 = { code: OPTION.clientId, value: CLIENT_ID }
export const SERVER_ID_OPTION: Option6 = { code: OPTION.serverId, value: SERVER_ID }
export const WISH: Option6 = association(IAID, [])

/** What UEFI says of itself: x64, asking for URL, parameters, name servers and vendor class. */
export function uefi(vendor: 'PXEClient' | 'HTTPClient'): readonly Option6[] {
  return [
    option(OPTION.optionRequest, '003b003c00170010'),
    option(OPTION.networkInterface, '010310'),
    option(OPTION.arch, vendor === 'PXEClient' ? '0007' : '0010'),
    pxeVendorClass(`${vendor}:Arch:000${vendor === 'PXEClient' ? '07' : '16'}:UNDI:003000`)
  ]
}

export function message(type: keyof typeof MESSAGE, options: readonly Option6[]): Received6 {
  return { message: { type: MESSAGE[type], transactionId: 0xabcdef, options }, relays: [] }
}

/** Wrapped by a relay agent, as bytes on the wire. */
export function relayed(inner: Uint8Array, linkAddress: Ipv6, peerAddress: Ipv6, options: readonly Option6[]): Buffer {
  return Buffer.concat([
    Uint8Array.of(MESSAGE.relayForward, 0),
    ipv6Bytes(linkAddress),
    ipv6Bytes(peerAddress),
    encodeOptions([...options, { code: OPTION.relayMessage, value: inner }])
  ])
}

export function bytesOf({ message }: Received6): Buffer {
  return encodeMessage(message)
}

export interface Asked {
  readonly client: Client
  readonly server: Ipv6
}

/** Boots whatever asks over IPv6 by this URL, and remembers who asked. */
export function answering(bootfile: string | undefined): BootAnswers<Ipv6> & { readonly asked: Asked[] } {
  const asked: Asked[] = []
  const answer = (client: Client, server: Ipv6): BootAnswer<Ipv6> => {
    asked.push({ client, server })
    const dhcpOptions = new Map<number, Uint8Array>()
    if (bootfile === undefined) return { kind: 'none', dhcpOptions }
    return {
      kind: 'boot',
      bootfile,
      nextServer: server,
      httpClient: client.stage === 'http-boot',
      kernelArguments: undefined,
      rootPath: undefined,
      pxelinux: undefined,
      dhcpOptions
    }
  }
  return { asked, answer, dhcpOptions: () => new Map() }
}

export function handlerOf(
  settings: Partial<Dhcp6Config> = {},
  bootfile: string | undefined = undefined,
  isKnownHost: (identity: string) => boolean = () => false
) {
  const boot = answering(bootfile)
  const handler = new Dhcp6Handler({ config: configOf(settings), boot, isKnownHost, serverId: SERVER_ID })
  const ask = (
    received: Received6,
    { source = SOURCE, port = 547, link = LINK, now = NOW }: Partial<Arrival6 & { now: number }> = {}
  ) => handler.handle(received, { source, port, link }, now)
  return { handler, boot, ask }
}

export function replyOf(reply: Buffer | undefined): Message6 {
  if (!reply) throw new Error('no reply')
  return decodeDhcp6(reply).message
}

/** A reply as one readable line for each option: `59 tftp://…`, hex where it isn't text. */
export function readable({ type, options }: Message6): readonly string[] {
  const name = Object.entries(MESSAGE).find(([, code]) => code === type)?.[0] ?? String(type)
  return [
    name,
    ...options.map(({ code, value }) => {
      const bytes = Buffer.from(value)
      return `${code} ${code === OPTION.bootfileUrl ? bytes.toString('latin1') : bytes.toString('hex')}`
    })
  ]
}
