// A boot server and its network, for clients to boot from: what the lab and the end-to-end tests stand on.
// Lives inside namespaces of its own (namespace.ts) and writes only to the scratch there, and to `logDirectory`.

import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiClient } from '../cli/client.ts'
import type { Output } from '../cli/context.ts'
import { type Publication, type PublishedVersion, promote, publish } from '../cli/publish.ts'
import type { Clock } from '../clock.ts'
import { configFrom } from '../config.ts'
import { createLog } from '../log.ts'
import { formatIpv4, formatSubnet, type Ipv4, type Subnet } from '../net/ipv4.ts'
import type { Ipv6 } from '../net/ipv6.ts'
import type { Accelerator } from './accelerator.ts'
import type { CardRom, Firmware } from './firmware.ts'
import { Machine } from './machine.ts'
import { SCRATCH } from './namespace.ts'
import { CARD, clientMac, createNetwork, type Network } from './network.ts'
import { Timeline } from './timeline.ts'

export const SERVER: Ipv4 = 0x0a_4d_00_01 // 10.77.0.1
export const SUBNET: Subnet = { network: 0x0a_4d_00_00, prefix: 24 }

export const SERVER6: Ipv6 = 'fd00:77::1'

export interface RigOptions {
  readonly clients: number
  readonly accelerator: Accelerator
  /** For the consoles and the server's log: kept. */
  readonly logDirectory: string
  readonly clock: Clock
  /** Sections of the configuration that differ from the rig's own. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

export interface ClientOptions {
  readonly firmware: Firmware
  readonly rom: CardRom
  readonly httpBoot?: boolean | undefined
  /** OVMF leaves PXE over IPv4 out, and so begins with PXE over IPv6. */
  readonly withoutIpv4Pxe?: boolean | undefined
  readonly memoryMib: number
}

const STATE = join(SCRATCH, 'state')
/** An OCI image layout. */
export const STORE = join(SCRATCH, 'store')

export class Rig {
  readonly api: ApiClient
  readonly boots: Timeline
  readonly #options: RigOptions
  readonly #network: Network
  readonly #close: () => Promise<void>

  private constructor(
    options: RigOptions,
    network: Network,
    api: ApiClient,
    boots: Timeline,
    close: () => Promise<void>
  ) {
    this.#options = options
    this.#network = network
    this.api = api
    this.boots = boots
    this.#close = close
  }

  /** Starts the daemon of this very checkout on its defaults: SQLite, a local store, no other server. */
  static async start(options: RigOptions): Promise<Rig> {
    await mkdir(options.logDirectory, { recursive: true })
    const network = await createNetwork({
      address: SERVER,
      subnet: SUBNET,
      address6: SERVER6,
      clients: options.clients
    })
    const destination = createWriteStream(join(options.logDirectory, 'server.log'))
    const { startDaemon } = await import('../daemon.ts')
    const config = configFrom({ ...rigConfig(), ...options.config })
    const { clock } = options
    const daemon = await startDaemon(config, { clock, log: createLog({ level: 'debug', destination }) })

    const ending = new AbortController()
    const token = (await readFile(join(STATE, 'admin-token'), 'utf8')).trim()
    const { admin } = config.http
    const api = new ApiClient({ url: `http://${admin.address}:${admin.port}`, token, signal: ending.signal })
    const boots = new Timeline(clock)
    const following = boots.follow(api, ending.signal)
    return new Rig(options, network, api, boots, async () => {
      ending.abort()
      await following
      await daemon.close()
    })
  }

  /** Publishes by REST, as anybody would: multipart over HTTP. */
  publish(publication: Publication, output: Output): Promise<PublishedVersion> {
    return publish(this.api, publication, output)
  }

  async promote(image: string, version: string, channel: string): Promise<void> {
    await promote(this.api, image, version, channel)
  }

  /** The `number`th client, from 1; off until its powerOn(). */
  client(number: number, options: ClientOptions): Machine {
    const tap = this.#network.taps[number - 1]
    if (tap === undefined) throw new RangeError(`the rig has ${this.#network.taps.length} taps`)
    const name = `client${number}`
    return new Machine({
      ...options,
      name,
      tap,
      mac: clientMac(number),
      accelerator: this.#options.accelerator,
      directory: join(SCRATCH, name),
      consoleLog: join(this.#options.logDirectory, `${name}.log`),
      clock: this.#options.clock
    })
  }

  async close(): Promise<void> {
    await this.#close()
  }
}

function rigConfig(): Record<string, unknown> {
  const host = (low: number) => formatIpv4(SUBNET.network + low)
  return {
    stateDir: STATE,
    images: { store: STORE },
    dhcp: {
      mode: 'authoritative',
      interfaces: [CARD],
      subnets: [{ subnet: formatSubnet(SUBNET), pools: [{ from: host(100), to: host(199) }], router: host(1) }]
    }
  }
}
