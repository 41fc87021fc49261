// The journal of boots: which boot a packet belongs to, which version it is pinned to, and how far it got.
import type { Clock, Timer } from '../clock.ts'
import type { Address } from '../net/address.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Ipv6 } from '../net/ipv6.ts'
import { bootif, type Mac } from '../net/mac.ts'
import type { BootAnswer, BootAnswers, NetworkFacts } from './answer.ts'
import { MalformedCheckIn, parseCheckIn } from './checkin.ts'
import { kernelLine, kernelWords, type LineFacts, origin, rootPath } from './cmdline.ts'
import type { BootStore, DhcpEvent } from './journal.ts'
import { IPXE_SCRIPT, loaderFile, OWN_FIRMWARE } from './loader.ts'
import type {
  Arch,
  Boot,
  BootEvent,
  BootPlan,
  Client,
  ImagePlan,
  Stage,
  Step,
  TransferReport,
  Version
} from './model.ts'
import { type BootFacts, planFor } from './plan.ts'
import {
  type Advance,
  DEFAULT_SILENCE,
  end,
  hear,
  type Observation,
  type OpeningStep,
  observe,
  open,
  opensBoot,
  type Progress,
  resume,
  type SilenceLimits,
  silence,
  supersede
} from './progress.ts'
import { type Entry, entryOf, Roster } from './roster.ts'
import { type BootScript, MESSAGE_SECONDS } from './script/script.ts'
import { membershipOf } from './select.ts'
import { stepOfTransfer } from './transfer-step.ts'

const SWEEP_MS = 30_000
const MACHINES = 20_000

export interface BootsDeps extends BootFacts {
  readonly store: BootStore
  readonly clock: Clock
  /** 16 characters of [a-z0-9], never the same twice. */
  readonly newId: () => string
  /** Read at every use: a server that asked for port 0 learns its port late. */
  readonly httpPort: number
  /** The DHCP option that carries the whole kernel command line. */
  readonly kernelArgumentsOption: number
  /** Our IPv4 address on the same card: for the initramfs, which speaks IPv4 whatever its loader spoke. */
  readonly ipv4Beside?: (server: Ipv6) => Ipv4 | undefined
  readonly silence?: SilenceLimits
  /** After each step of a boot, also one that is no event; `before` is undefined when the boot has just begun. */
  readonly onAdvance?: (before: Progress | undefined, after: Progress) => void
  /** How many machines are remembered. */
  readonly machines?: number
}

/** Who asks for a boot script. */
export interface ScriptRequest {
  readonly mac: Mac
  readonly arch: Arch
  readonly stage: Stage
  readonly uuid: string | undefined
  readonly address: Address | undefined
  /** The address of ours that was asked. */
  readonly server: Address
}

export type BootListener = (event: BootEvent, boot: Boot) => void

export class Boots implements BootAnswers, BootAnswers<Ipv6> {
  readonly #deps: BootsDeps
  readonly #silence: SilenceLimits
  readonly #roster: Roster
  readonly #listeners = new Set<BootListener>()
  #sweep: Timer | undefined

  constructor(deps: BootsDeps) {
    this.#deps = deps
    this.#silence = deps.silence ?? DEFAULT_SILENCE
    this.#roster = new Roster(deps.machines ?? MACHINES)
  }

  /** Takes up the boots that were not over when this server stopped, and begins to watch for silence. */
  async start(): Promise<void> {
    for (const boot of await this.#deps.store.load()) {
      this.#roster.add(entryOf(resume(boot), undefined))
      if (boot.address !== undefined) this.#roster.learn(boot.mac, boot.address)
    }
    this.#watch()
  }

  close(): void {
    this.#sweep?.cancel()
    this.#sweep = undefined
  }

  /** Hears every boot event as it happens, progress included. Returns what ends that. */
  subscribe(listener: BootListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The ids of the boots that are under way or running with this version. */
  inUse(image: string, version: string): readonly string[] {
    return [...this.#roster.entries()]
      .map(({ progress }) => progress.boot)
      .filter((boot) => boot.state === 'booting' || boot.state === 'running')
      .filter((boot) => boot.image === image && boot.version === version)
      .map((boot) => boot.id)
  }

  /** How many machines are in which state of their latest boot. */
  states(): Record<Exclude<Boot['state'], 'ended'>, number> {
    const states = { booting: 0, running: 0, failed: 0 }
    for (const { progress } of this.#roster.entries()) {
      if (progress.boot.state !== 'ended') states[progress.boot.state] += 1
    }
    return states
  }

  macOf(address: Address): Mac | undefined {
    return this.#roster.macOf(address)
  }

  /** A lease that the DHCP server knows of: for a server that has just started. */
  learn(mac: Mac, address: Address): void {
    this.#roster.learn(mac, address)
  }

  /** The latest boot of this machine. */
  latest(mac: Mac): Boot | undefined {
    return this.#roster.ofMac(mac)?.progress.boot
  }

  /** What a boot is pinned to, also when it is over; undefined for an unknown boot and one without an image. */
  async versionOf(id: string): Promise<Version | undefined> {
    const entry = this.#roster.ofId(id)
    if (entry !== undefined) return this.#pinnedVersion(entry)
    const boot = await this.#deps.store.get(id)
    return boot === undefined ? undefined : this.#resolve(boot)
  }

  /** Where iPXE finds its script. */
  scriptUrl(server: Address): string {
    return `${origin('http', server, this.#deps.httpPort)}/${IPXE_SCRIPT}`
  }

  dhcpOptions(mac: Mac | undefined): ReadonlyMap<number, Uint8Array> {
    return rawOptions(membershipOf({ mac }, this.#deps.inventory, this.#deps.rules))
  }

  answer<Server extends Address>(
    client: Client,
    server: Server,
    network: NetworkFacts | undefined
  ): BootAnswer<Server> {
    const { mac } = client
    if (client.stage === 'system' || mac === undefined) {
      return { ...this.#lineUnderWay(mac, server), dhcpOptions: this.dhcpOptions(mac) }
    }
    const plan = planFor(client, this.#deps)
    const dhcpOptions = rawOptions(plan)
    if (plan.kind === 'local') {
      this.#ends(mac, 'the machine was told to boot from its own disk')
      return { kind: 'none', dhcpOptions }
    }
    const entry = this.#opened(client.stage === 'ipxe' ? 'ipxe-dhcp' : 'dhcp', { ...client, mac })
    if (typeof server === 'number') entry.network = network
    const bootfile = this.#bootfile(client, plan, server)
    if (bootfile === undefined) {
      if (plan.kind === 'refused') this.#note(entry, refusal('loader', plan.message))
      return { kind: 'none', dhcpOptions }
    }
    const line = client.stage === 'ipxe' && plan.kind === 'image' ? this.#pin(entry, plan, server) : undefined
    entry.dhcpLine = line && kernelLine(kernelWords(line))
    return {
      kind: 'boot',
      bootfile,
      nextServer: server,
      httpClient: client.stage === 'http-boot',
      kernelArguments: entry.dhcpLine,
      rootPath: line && rootPath(line),
      pxelinux:
        plan.loader === 'pxelinux'
          ? { configFile: `pxelinux.cfg/${bootif(mac)}`, pathPrefix: 'pxelinux/', rebootTimeSeconds: MESSAGE_SECONDS }
          : undefined,
      dhcpOptions
    }
  }

  /** Begins or goes on with the machine's boot, pins its version, and says what its script is to hold. */
  script(request: ScriptRequest): BootScript {
    const { mac, server } = request
    const former = this.#roster.ofMac(mac)
    // A script shows which loader asks, not on which machine: DHCP knows better.
    const client = { ...request, arch: former?.progress.boot.arch ?? request.arch }
    const plan = this.#planOfScript(client, former)
    if (plan.kind === 'local') {
      this.#ends(mac, 'the machine boots from its own disk')
      return { kind: 'local', arch: client.arch }
    }
    const entry = this.#opened('script', client)
    if (plan.kind === 'refused') {
      this.#note(entry, refusal('script', plan.message))
      return { kind: 'refused', message: plan.message, again: `${this.scriptUrl(server)}?mac=${mac}` }
    }
    const facts = this.#pin(entry, plan, server)
    const pinned = facts.plan
    const words = kernelWords(facts)
    const title = `${pinned.version.image} ${pinned.version.version} for ${pinned.host?.name ?? mac}`
    this.#note(entry, { step: 'script', outcome: 'ok', detail: title })
    return {
      kind: 'image',
      title,
      origin: origin(pinned.transport, server, this.#deps.httpPort),
      transport: pinned.transport,
      kernel: blobName(pinned.version.kernel.digest),
      initrd: blobName(pinned.version.initrd.digest),
      words,
      lineOption: isLineOf(entry, words) ? this.#deps.kernelArgumentsOption : undefined
    }
  }

  dhcpEvent(event: DhcpEvent): void {
    const { mac, address } = event
    if (mac === undefined) return
    if (address !== undefined && isTaken(event)) this.#roster.learn(mac, address)
    const entry = this.#roster.ofMac(mac)
    if (event.stage === 'system') {
      this.#systemEvent(entry, event)
      return
    }
    const step = event.stage === 'ipxe' ? 'ipxe-dhcp' : 'dhcp'
    // Nobody was asked what to boot when there was no address to give.
    const told = event.kind === 'pool-empty' ? this.#opened(step, { ...event, mac }) : entry
    if (told === undefined || told.progress.boot.state === 'ended') return
    this.#note(
      told,
      { step, outcome: outcomeOf(event.kind), detail: event.detail },
      event.kind === 'ack' ? address : undefined
    )
  }

  /** Renewals are signs of life. An initramfs may give its address back; only a running system says goodbye with it. */
  #systemEvent(entry: Entry | undefined, event: DhcpEvent): void {
    if (entry === undefined) return
    if (event.kind === 'release' && entry.progress.boot.state === 'running') {
      this.#ends(event.mac, 'the machine gave its address back')
    } else this.#hear(entry)
  }

  /** A file went over the wire, or did not. */
  transfer(report: TransferReport): void {
    const entry = report.client === undefined ? undefined : this.#roster.ofAddress(report.client)
    if (entry === undefined || entry.progress.boot.state === 'ended') return
    const step = stepOfTransfer(report.name, this.#pinnedVersion(entry), this.#deps.loaders)
    if (step === undefined || (step === 'layers' && entry.checksIn)) return
    const what = report.name.startsWith('blobs/') ? step : report.name
    this.#note(entry, {
      step,
      // Other layers may follow: the client alone knows when it has them all.
      outcome: step === 'layers' && report.outcome === 'ok' ? 'progress' : report.outcome,
      detail: `${what} by ${report.via.toUpperCase()}${report.reason === undefined ? '' : `: ${report.reason}`}`,
      doneBytes: report.doneBytes,
      totalBytes: report.totalBytes,
      bytesPerSecond: report.sentBytes > 0 ? rateOf(report) : undefined
    })
  }

  /** A check-in as it came in. */
  checkIn(id: string, body: string): 'ok' | 'unknown-boot' | 'malformed' {
    const entry = this.#roster.ofId(id)
    if (entry === undefined) return 'unknown-boot'
    try {
      const seen = parseCheckIn(body)
      entry.checksIn = true
      this.#note(entry, seen)
      return 'ok'
    } catch (error) {
      if (error instanceof MalformedCheckIn) return 'malformed'
      throw error
    }
  }

  #opened(step: OpeningStep, client: { mac: Mac; arch: Arch; address: Address | undefined }): Entry {
    const { mac, arch, address } = client
    const now = this.#deps.clock.now()
    const former = this.#roster.ofMac(mac)
    // What our own DHCP server leased is true; what a script's asker claims is only as good as nothing else is known.
    if (step === 'script' && address !== undefined && former?.network === undefined) this.#roster.learn(mac, address)
    if (former !== undefined && !opensBoot(former.progress, step, now, this.#silence)) {
      if (address !== undefined && (step !== 'script' || former.network === undefined)) setAddress(former, address)
      return former
    }
    if (former !== undefined) this.#apply(former, supersede(former.progress, now))
    const boot: Boot = {
      id: this.#deps.newId(),
      mac,
      address,
      host: this.#deps.inventory.host(mac)?.name,
      arch,
      state: 'booting',
      image: undefined,
      version: undefined,
      startedAt: now,
      updatedAt: now
    }
    // What DHCP said of the address stays true when the machine comes back without asking DHCP of ours again.
    const entry = entryOf(open(boot, step), former?.network)
    this.#roster.add(entry)
    this.#deps.onAdvance?.(undefined, entry.progress)
    return entry
  }

  #planOfScript(client: Client, former: Entry | undefined): BootPlan {
    const now = this.#deps.clock.now()
    const goesOn = former !== undefined && !opensBoot(former.progress, 'script', now, this.#silence)
    if (goesOn && former.plan !== undefined) return former.plan
    const plan = planFor(client, this.#deps)
    const pinned = goesOn && plan.kind === 'image' ? this.#pinnedVersion(former) : undefined
    return plan.kind === 'image' && pinned !== undefined ? { ...plan, version: pinned } : plan
  }

  /** From the first time on, the boot keeps this version and its arguments, whatever a channel does. */
  #pin(entry: Entry, plan: ImagePlan, server: Address): LineFacts {
    const pinned = entry.plan ?? plan
    if (entry.plan === undefined) {
      entry.plan = plan
      const { image, version } = plan.version
      const boot = { ...entry.progress.boot, host: plan.host?.name, image, version }
      entry.progress = { ...entry.progress, boot }
      this.#deps.store.save(boot, undefined)
    }
    const { id, mac, address } = entry.progress.boot
    return {
      plan: pinned,
      bootId: id,
      mac,
      address,
      network: entry.network,
      server: typeof server === 'string' ? (this.#deps.ipv4Beside?.(server) ?? server) : server,
      httpPort: this.#deps.httpPort
    }
  }

  /** For an initramfs or a system that asks by DHCP: the line of the boot that it is part of. */
  #lineUnderWay(mac: Mac | undefined, server: Address) {
    const entry = mac === undefined ? undefined : this.#roster.ofMac(mac)
    if (entry?.plan === undefined || entry.progress.boot.state !== 'booting') return { kind: 'none' as const }
    const line = this.#pin(entry, entry.plan, server)
    return { kind: 'none' as const, kernelArguments: kernelLine(kernelWords(line)), rootPath: rootPath(line) }
  }

  #bootfile({ arch, stage }: Client, plan: BootPlan, server: Address): string | undefined {
    if (stage === 'ipxe' && plan.loader === 'ipxe') return this.scriptUrl(server)
    // It names its files itself, and would not show a refusal.
    if (plan.loader === 'raspberry-pi') return plan.kind === 'image' ? '' : undefined
    const file = loaderFile(arch, plan.loader)
    if (file === OWN_FIRMWARE) return file
    if (file === undefined || !this.#deps.loaders.has(file)) return undefined
    if (stage === 'http-boot') return `${origin('http', server, this.#deps.httpPort)}/${file}`
    // DHCPv6 has no next-server: PXE firmware is told a URL as well (RFC 5970 §3.1).
    return typeof server === 'string' ? `${origin('tftp', server, this.#deps.httpPort)}/${file}` : file
  }

  #pinnedVersion(entry: Entry): Version | undefined {
    entry.version ??= entry.plan?.version ?? this.#resolve(entry.progress.boot)
    return entry.version
  }

  #resolve({ image, version }: Boot): Version | undefined {
    if (image === undefined || version === undefined) return undefined
    const found = this.#deps.images.resolve(image, { version })
    return typeof found === 'string' ? undefined : found
  }

  #note(entry: Entry, seen: Observation, address?: Address): void {
    const now = this.#deps.clock.now()
    if (address !== undefined) setAddress(entry, address)
    this.#roster.touch(entry)
    this.#apply(entry, observe(entry.progress, seen, now))
  }

  #apply(entry: Entry, { progress, event }: Advance): void {
    const before = entry.progress
    entry.progress = progress
    this.#deps.onAdvance?.(before, progress)
    if (event === undefined) return
    // Where the bytes are is news for those who watch, and nothing to keep.
    if (event.outcome !== 'progress') this.#deps.store.save(progress.boot, event)
    for (const listener of this.#listeners) listener(event, progress.boot)
  }

  #hear(entry: Entry): void {
    entry.progress = hear(entry.progress, this.#deps.clock.now())
    this.#roster.touch(entry)
  }

  #ends(mac: Mac | undefined, why: string): void {
    const entry = mac === undefined ? undefined : this.#roster.ofMac(mac)
    if (entry !== undefined) this.#apply(entry, end(entry.progress, why, this.#deps.clock.now()))
  }

  #watch(): void {
    this.#sweep = this.#deps.clock.after(SWEEP_MS, () => {
      const now = this.#deps.clock.now()
      for (const entry of [...this.#roster.entries()]) {
        const over = silence(entry.progress, now, this.#silence)
        if (over !== undefined) this.#apply(entry, over)
      }
      this.#watch()
    })
  }
}

function setAddress(entry: Entry, address: Address): void {
  const { progress } = entry
  if (progress.boot.address !== address) entry.progress = { ...progress, boot: { ...progress.boot, address } }
}

/** DHCP gave this very line to the boot. */
function isLineOf({ dhcpLine }: Entry, words: readonly string[]): boolean {
  return dhcpLine !== undefined && dhcpLine === kernelLine(words)
}

function refusal(step: Step, message: string): Observation {
  return { step, outcome: 'failed', detail: message, fatal: true }
}

/** A Raspberry Pi 3 goes from the OFFER straight to TFTP, without a REQUEST. */
function isTaken({ kind, arch }: DhcpEvent): boolean {
  return kind === 'ack' || (kind === 'offer' && arch === 'raspberry-pi')
}

function rateOf({ sentBytes, durationMs }: TransferReport): number {
  return Math.round((sentBytes * 1000) / Math.max(durationMs, 1))
}

function outcomeOf(kind: DhcpEvent['kind']): BootEvent['outcome'] {
  if (kind === 'offer') return 'started'
  return kind === 'ack' || kind === 'proxy-offer' ? 'ok' : 'failed'
}

function rawOptions({ host, group }: Pick<BootPlan, 'host' | 'group'>): ReadonlyMap<number, Uint8Array> {
  if (host?.dhcpOptions === undefined && group?.dhcpOptions === undefined) return NO_OPTIONS
  const options = { ...group?.dhcpOptions, ...host?.dhcpOptions }
  return new Map(Object.entries(options).map(([code, hex]) => [Number(code), Buffer.from(hex, 'hex')]))
}

const NO_OPTIONS: ReadonlyMap<number, Uint8Array> = new Map()

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}
