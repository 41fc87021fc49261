// Machines that take addresses, keep them and give them back through a relay agent (us), and hold the server to every ACK
// that they saw: whoever has a lease is never refused it, and nobody else gets it. They ask until they are answered, however
// long the server is away.
//
//   node leaseholders.ts --relay 10.77.0.2 --server 10.77.0.1 --first 10.77.16.0 --restored 10000 --seats 64 --seed 1
//
// `restored` leases are there before the beginning (see machineMac). Lines on stdin: `watch` for a line when the next answer
// comes, `report` for all that is known. Node is fast enough here: a few hundred exchanges a second.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type DhcpPacket, decodeDhcp, encodeDhcp } from '../../../server/dhcp/packet.ts'
import { MESSAGE_TYPE, OPTION } from '../../../server/dhcp/registry.ts'
import { formatIpv4, type Ipv4 } from '../../../server/net/ipv4.ts'
import { Random } from '../../fuzz/engine/random.ts'
import { addr, message, type OptionList, quad } from '../../support/dhcp-packets.ts'

/** What a machine was promised. */
export interface Held {
  readonly address: string
  readonly mac: string
  /** ms since 1970; 0 where only the server knows. */
  readonly until: number
}

export interface HoldersReport {
  readonly taken: number
  readonly renewed: number
  readonly givenBack: number
  /** Strangers that asked for an address of somebody else, and were refused. */
  readonly refused: number
  /** Promises that the server broke, in words. */
  readonly broken: readonly string[]
  readonly held: readonly Held[]
}

export type HoldersLine =
  | { readonly kind: 'ready' }
  /** On the monotonic clock of the machine, ms. */
  | { readonly kind: 'answered'; readonly atMs: number }
  | { readonly kind: 'report'; readonly report: HoldersReport }

/** The machine of this number. */
export function machineMac(number: number): string {
  const hex = number.toString(16).padStart(8, '0')
  return ['52', '54', ...(hex.match(/../g) ?? [])].join(':')
}

/** Every process has the same. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

interface Holding {
  readonly mac: string
  readonly address: Ipv4
  until: number
  isBusy: boolean
}

interface Answer {
  readonly type: number
  readonly packet: DhcpPacket
  /** When its question was first asked, ms since 1970. */
  readonly askedAt: number
}

interface HoldersOptions {
  readonly socket: dgram.Socket
  readonly relay: string
  readonly server: string
  readonly first: string
  readonly restored: number
  readonly leaseSeconds: number
  readonly seed: number
}

const AGAIN_MS = 100
const PAUSE_MS = 100
/** Held beside the restored ones. */
const MOST_TAKEN = 2000

class Leaseholders {
  readonly #socket: dgram.Socket
  readonly #relay: Ipv4
  readonly #server: string
  readonly #leaseMs: number
  readonly #random: Random
  readonly #holdings: Holding[] = []
  readonly #byAddress = new Map<Ipv4, Holding>()
  readonly #waiting = new Map<number, (packet: DhcpPacket) => void>()
  readonly #counts = { taken: 0, renewed: 0, givenBack: 0, refused: 0 }
  readonly #broken: string[] = []
  readonly #most: number
  #machines: number
  #xid = 1
  isWatching = false

  constructor(options: HoldersOptions) {
    this.#socket = options.socket
    this.#relay = addr(options.relay)
    this.#server = options.server
    this.#leaseMs = options.leaseSeconds * 1000
    this.#random = new Random(options.seed)
    this.#machines = options.restored
    this.#most = options.restored + MOST_TAKEN
    for (let i = 0; i < options.restored; i++) this.#add(machineMac(i), addr(options.first) + i, 0)
    this.#socket.on('message', (datagram) => this.#receive(datagram))
  }

  report(): HoldersReport {
    const held = this.#holdings.map(({ address, ...rest }) => ({ ...rest, address: formatIpv4(address) }))
    return { ...this.#counts, broken: this.#broken, held }
  }

  /** One machine after another, for ever. */
  async sit(): Promise<never> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS)))
      await this.#act()
    }
  }

  async #act(): Promise<void> {
    const chance = this.#random.below(100)
    const holding = this.#random.pick(this.#holdings)
    if (chance < 25 && this.#holdings.length < this.#most) return this.#take()
    if (!holding || holding.isBusy) return
    holding.isBusy = true
    if (chance < 75) await this.#renew(holding)
    else if (chance < 85) await this.#intrude(holding)
    else this.#giveBack(holding)
    holding.isBusy = false
  }

  async #take(): Promise<void> {
    const mac = machineMac(this.#machines++)
    const offer = await this.#ask(message('discover', [], { chaddr: mac }))
    const serverId = offer.packet.options.get(OPTION.serverId)
    if (offer.type !== MESSAGE_TYPE.offer || !serverId) return
    const wanted: OptionList = [
      [OPTION.requestedAddress, quad(formatIpv4(offer.packet.yiaddr))],
      [OPTION.serverId, serverId]
    ]
    const answer = await this.#ask(message('request', wanted, { chaddr: mac }))
    if (answer.type !== MESSAGE_TYPE.ack) return // offered to another one too, who was sooner
    this.#counts.taken += 1
    this.#add(mac, answer.packet.yiaddr, answer.askedAt + this.#leaseMs)
  }

  async #renew(holding: Holding): Promise<void> {
    const { mac, address } = holding
    const answer = await this.#ask(message('request', [], { chaddr: mac, ciaddr: address }))
    if (answer.type === MESSAGE_TYPE.ack && answer.packet.yiaddr === address) {
      this.#counts.renewed += 1
      holding.until = answer.askedAt + this.#leaseMs
    } else {
      this.#broken.push(`${mac} was refused its own ${formatIpv4(address)}`)
    }
  }

  async #intrude({ mac, address }: Holding): Promise<void> {
    const stranger = machineMac(this.#machines++)
    const wanted: OptionList = [[OPTION.requestedAddress, quad(formatIpv4(address))]]
    const answer = await this.#ask(message('request', wanted, { chaddr: stranger }))
    if (answer.type === MESSAGE_TYPE.nak) this.#counts.refused += 1
    else this.#broken.push(`${stranger} was given ${formatIpv4(address)} of ${mac}`)
  }

  /** Nobody answers that, so it may be heard or not. */
  #giveBack(holding: Holding): void {
    this.#counts.givenBack += 1
    this.#byAddress.delete(holding.address)
    this.#holdings.splice(this.#holdings.indexOf(holding), 1)
    this.#send(message('release', [], { chaddr: holding.mac, ciaddr: holding.address, xid: this.#xid++ }))
  }

  #add(mac: string, address: Ipv4, until: number): void {
    const other = this.#byAddress.get(address)
    if (other) this.#broken.push(`${formatIpv4(address)} was given to ${mac}, and is ${other.mac}'s`)
    const holding = { mac, address, until, isBusy: false }
    this.#byAddress.set(address, holding)
    this.#holdings.push(holding)
  }

  async #ask(question: DhcpPacket): Promise<Answer> {
    const asked = { ...question, xid: this.#xid++ }
    const askedAt = Date.now()
    const again = setInterval(() => this.#send(asked), AGAIN_MS)
    this.#send(asked)
    const packet = await new Promise<DhcpPacket>((resolve) => this.#waiting.set(asked.xid, resolve))
    clearInterval(again)
    return { type: packet.options.get(OPTION.messageType)?.[0] ?? 0, packet, askedAt }
  }

  #send(packet: DhcpPacket): void {
    this.#socket.send(encodeDhcp({ ...packet, giaddr: this.#relay }), 67, this.#server)
  }

  #receive(datagram: Buffer): void {
    if (this.isWatching) tell({ kind: 'answered', atMs: monotonicMs() })
    this.isWatching = false
    const packet = decodeDhcp(datagram)
    const resolve = this.#waiting.get(packet.xid)
    this.#waiting.delete(packet.xid)
    resolve?.(packet)
  }
}

function tell(line: HoldersLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function main(): Promise<void> {
  const text = { type: 'string', default: '' } as const
  const { values } = parseArgs({
    options: { relay: text, server: text, first: text, restored: text, 'lease-seconds': text, seats: text, seed: text }
  })
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  socket.on('error', () => {}) // nobody listens: the server is away
  socket.bind(67, values.relay)
  await once(socket, 'listening')
  const holders = new Leaseholders({
    socket,
    relay: values.relay,
    server: values.server,
    first: values.first,
    restored: Number(values.restored),
    leaseSeconds: Number(values['lease-seconds']),
    seed: Number(values.seed)
  })
  for (let seat = 0; seat < Number(values.seats); seat++) void holders.sit()
  tell({ kind: 'ready' })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'watch') holders.isWatching = true
    else tell({ kind: 'report', report: holders.report() })
  }
  process.exit(0)
}

if (import.meta.main) await main()
