// Who else answers DHCP: one DISCOVER on each interface, and a few seconds to listen.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { type Clock, sleep } from '../clock.ts'
import type { Config } from '../config.ts'
import { BROADCAST_FLAG, decodeDhcp, encodeDhcp } from '../dhcp/packet.ts'
import { MESSAGE_TYPE, OPTION } from '../dhcp/registry.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import { messageOf } from '../start-error.ts'
import { type Finding, fine, wrong } from './finding.ts'

/** Servers that check for a used address first (ISC, dnsmasq: up to 3 s) are heard too. */
const LISTEN_MS = 4_000

export interface Interface {
  readonly name: string
  readonly address: string
}

export interface Offer {
  /** Option 54. */
  readonly server: string
  /** False for a ProxyDHCP offer, which has none. */
  readonly withAddress: boolean
}

/** The interfaces among `names` that have an IPv4 address; all but the loopback when `names` is empty. */
export function servedInterfaces(names: readonly string[]): readonly Interface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => {
    const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
    return own && (names.length === 0 || names.includes(name)) ? [{ name, address: own.address }] : []
  })
}

export interface ProbeOptions {
  readonly clock: Clock
  /** Locally administered, of this probe alone. */
  readonly mac: Mac
  readonly xid: number
}

export async function examineDhcpServers(
  mode: Config['dhcp']['mode'],
  names: readonly string[],
  options: ProbeOptions
): Promise<readonly Finding[]> {
  const ours = new Set(servedInterfaces([]).map(({ address }) => address))
  const findings: Finding[] = []
  // One after the other: they share port 68.
  for (const served of servedInterfaces(names)) {
    const subject = `DHCP servers on ${served.name}`
    try {
      const offers = await probe(served, options)
      findings.push(
        judgeOffers(
          subject,
          mode,
          offers.filter(({ server }) => !ours.has(server))
        )
      )
    } catch (error) {
      findings.push(wrong(subject, `could not ask: ${messageOf(error)}`, 'run the doctor as root'))
    }
  }
  return findings
}

export function judgeOffers(subject: string, mode: Config['dhcp']['mode'], offers: readonly Offer[]): Finding {
  const servers = [...new Set(offers.filter(({ withAddress }) => withAddress).map(({ server }) => server))]
  const words = servers.length === 0 ? 'none answers' : `answers: ${servers.join(', ')}`
  if (mode === 'authoritative' && servers.length > 0) {
    return wrong(subject, words, 'switch it off, or set dhcp.mode: proxy to stand beside it')
  }
  if (mode !== 'authoritative' && servers.length === 0) {
    return wrong(subject, words, 'start one, or set dhcp.mode: authoritative and dhcp.subnets')
  }
  return fine(subject, words)
}

async function probe({ address }: Interface, { clock, mac, xid }: ProbeOptions): Promise<readonly Offer[]> {
  const offers: Offer[] = []
  // Answers are broadcast, and a socket that is bound to one address does not hear those.
  await using listener = await bound('0.0.0.0', 68)
  // A broadcast leaves by the card of the address that its socket is bound to.
  await using sender = await bound(address, 68)
  listener.socket.on('message', (datagram) => {
    const offer = readOffer(datagram, xid)
    if (offer) offers.push(offer)
  })
  sender.socket.setBroadcast(true)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  sender.socket.send(discover(mac, xid), 67, '255.255.255.255', (error) => (error ? reject(error) : resolve()))
  await promise
  await sleep(clock, LISTEN_MS)
  return offers
}

async function bound(address: string, port: number): Promise<AsyncDisposable & { readonly socket: Socket }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.bind(port, address)
  await once(socket, 'listening')
  return { socket, [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())) }
}

export function discover(mac: Mac, xid: number): Buffer {
  return encodeDhcp({
    op: 'request',
    htype: 1,
    hops: 0,
    xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: mac,
    sname: '',
    file: '',
    options: new Map([
      [OPTION.messageType, Uint8Array.of(MESSAGE_TYPE.discover)],
      [OPTION.parameterList, Uint8Array.of(OPTION.subnetMask, OPTION.router)]
    ])
  })
}

/** Undefined for whatever is not an offer to this probe. */
export function readOffer(datagram: Uint8Array, xid: number): Offer | undefined {
  try {
    const packet = decodeDhcp(datagram)
    const serverId = packet.options.get(OPTION.serverId)
    const isOffer = packet.options.get(OPTION.messageType)?.[0] === MESSAGE_TYPE.offer
    if (packet.op !== 'reply' || packet.xid !== xid || !isOffer || serverId?.length !== 4) return undefined
    return { server: formatIpv4(Buffer.from(serverId).readUInt32BE()), withAddress: packet.yiaddr !== 0 }
  } catch {
    return undefined // somebody's malformed packet
  }
}
