// The composition root: every part is made here, in the order in which they need one another, and ended in reverse.
import { randomBytes, randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { sql } from 'kysely'
import { storedBlobs } from './blobs.ts'
import { Boots } from './boot/boots.ts'
import type { DhcpEvent } from './boot/journal.ts'
import type { LoaderDefaults } from './boot/loader.ts'
import type { Arch, TransferReport } from './boot/model.ts'
import { createResolver } from './boot/names.ts'
import { loadReadCached } from './cached-reads.ts'
import { type Clock, sleep } from './clock.ts'
import type { Config } from './config.ts'
import type { Lease } from './dhcp/leases.ts'
import { DHCP_DEFAULTS, type DhcpConfig, type Reservations } from './dhcp/settings.ts'
import { type DhcpServer, type DhcpServerOptions, startDhcpServer } from './dhcp/socket.ts'
import { newDuid } from './dhcp6/duid.ts'
import type { Lease6 } from './dhcp6/leases.ts'
import { type Dhcp6Server, type Dhcp6ServerOptions, startDhcp6Server } from './dhcp6/socket.ts'
import { DiskWatch, type WatchedDirectory } from './disk-watch.ts'
import { EventLog } from './event-log.ts'
import { AdminFace } from './http/admin-face.ts'
import { BootFace } from './http/boot-face.ts'
import { newHttpCounters } from './http/counters.ts'
import { ImageStore } from './image/store.ts'
import { lockDirectory } from './instance-lock.ts'
import { LeaseLog } from './lease-log.ts'
import { findLoaders } from './loaders.ts'
import type { Log } from './log.ts'
import type { DhcpMetrics } from './metrics/dhcp.ts'
import { Metrics } from './metrics.ts'
import { type Address, parseAddress } from './net/address.ts'
import { takeHandedSockets } from './net/handed-sockets.ts'
import { watchInterfaces } from './net/interface-watch.ts'
import { ipv4Beside } from './net/interfaces.ts'
import type { Mac } from './net/mac.ts'
import { loadRouterAdvertiser } from './net/router-advertisement.ts'
import { closed, plainUdp, type UdpEngine } from './net/udp.ts'
import { loadNativeUdp } from './net/udp-native.ts'
import {
  alreadyRunning,
  directoryError,
  type Endpoint,
  errnoOf,
  listenError,
  messageOf,
  StartError
} from './start-error.ts'
import { AuditLog } from './state/audit.ts'
import { StoredBoots } from './state/boots.ts'
import { Channels } from './state/channels.ts'
import { type Database, openDatabase } from './state/database.ts'
import { StoredImages } from './state/images.ts'
import { StoredInventory } from './state/inventory.ts'
import { StoredLeases } from './state/leases.ts'
import { StoredLeases6 } from './state/leases6.ts'
import { Tokens } from './state/tokens.ts'
import { startTftpServer } from './tftp/server.ts'
import { TransferLog, type Who } from './transfer-log.ts'

/** How long one part may take to end before the next one's turn comes. */
const CLOSE_MS = 5_000
/** Machines that fetch one image by TFTP go together: twice as much saved ten no reads, two hundred some. */
const TFTP_CACHE_BYTES = 4 * 1024 * 1024
const BOOT_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

export interface DaemonDeps {
  readonly clock: Clock
  readonly log: Log
}

export interface Daemon {
  /** `http://127.0.0.1:8070` */
  readonly adminUrl: string
  readonly bootPort: number
  /** Undefined when TFTP is switched off. */
  readonly tftpPort: number | undefined
  /** Holds the first admin token, unless the administrator has moved it. */
  readonly tokenFile: string
  /** Ends every part, the last one first. */
  close(): Promise<void>
}

/** @throws StartError, with nothing left running. */
export async function startDaemon(config: Config, { clock, log }: DaemonDeps): Promise<Daemon> {
  await using parts = new AsyncDisposableStack()
  const ending = (what: string, end: () => unknown) => parts.defer(() => endInTime(what, end, clock, log))

  await makeDirectory(config.stateDir, 'stateDir')
  const lock = lockDirectory(config.stateDir)
  ending('lock', () => lock.release())

  const metrics = new Metrics(clock)
  ending('metrics', () => metrics.close())

  // What is kept: the database and the images.
  const database = await openState(path.join(config.stateDir, 'rootcast.sqlite'))
  ending('database', () => database.destroy())
  const audit = new AuditLog(database, clock)
  const tokens = await Tokens.open(database, { clock, randomBytes })
  const inventory = await StoredInventory.open(database, clock)
  const leases = new StoredLeases(database)
  const leases6 = new StoredLeases6(database)
  const store = await openStore(config.images.store, clock, log.child({ part: 'images' }))
  ending('image store', () => store.close())
  const channels = await Channels.open(database, clock, store)

  // What decides: the boot plan and the journal of boots.
  const loaders = await findLoaders()
  const journal = new StoredBoots(database, { clock, log: log.child({ part: 'boots' }) })
  ending('boot journal', () => journal.flush())
  const boots = new Boots({
    inventory,
    images: new StoredImages(store, channels),
    rules: { ...config.boot, loaders: loaderDefaults(config) },
    loaders: loaders.files,
    store: journal,
    clock,
    newId: newBootId,
    ipv4Beside,
    onAdvance: (before, after) => metrics.boots.advance(before, after),
    kernelArgumentsOption: config.dhcp.kernelArgumentsOption,
    get httpPort() {
      return config.http.boot.proxy?.port ?? bootFace.port
    }
  })
  ending('boots', () => boots.close())
  const hostOf = (mac: Mac) => inventory.host(mac)?.name
  const events = new EventLog({ log, clock, hostOf })
  const leaseLog = new LeaseLog({ log, clock, hostOf })
  boots.subscribe((event, boot) => events.boot(event, boot))
  await boots.start()
  const held = await leases.load()
  const held6 = await leases6.load()
  for (const lease of held) if (lease.state === 'bound') boots.learn(lease.mac, lease.address)
  for (const lease of held6) if (lease.state === 'bound') boots.learn(lease.identity, lease.address)
  const resolve = createResolver({
    boots,
    loaders: loaders.files,
    blob: storedBlobs((digest) => store.blobPath(digest))
  })
  const transferLog = new TransferLog({ log, clock, whoHas: (address) => whoHas(address, boots) })
  const report = (transfer: TransferReport) => {
    metrics.transfer(transfer)
    transferLog.transfer(transfer)
    boots.transfer(transfer)
  }

  // What speaks to machines: bytes first, then the DHCP that sends them there.
  const httpCounters = newHttpCounters()
  const handedSockets = await takeHandedSockets(process.env, process.pid)
  ending('sockets of systemd', () => Promise.all(handedSockets.map(({ socket }) => closed(socket))))
  const bootFace = await BootFace.create({
    resolve,
    boots,
    report,
    counters: httpCounters,
    onBegun: metrics.http.observeFirstByte,
    onAnswered: metrics.http.observeRequest,
    limits: config.http.boot.limits,
    proxy: config.http.boot.proxy,
    clock,
    log: log.child({ part: 'boot face' })
  })
  ending('boot face', () => bootFace.close(CLOSE_MS / 2))
  await openBootFace(bootFace, config.http.boot)
  const interfaces = await watchInterfaces({ clock, log: log.child({ part: 'interfaces' }) })
  ending('watch of the interfaces', () => interfaces.close())
  const udp = await udpEngine(config.tftp, clock, log)
  const tftp = await startTftp(config, {
    interfaces,
    udp,
    readCached: udp.kind === 'native' ? await loadReadCached() : undefined,
    resolve,
    report,
    // A Raspberry Pi's loader breaks on a doubled DATA block (raspberrypi/firmware#1631).
    isFragile: ({ address }) => archAt(address, boots) === 'raspberry-pi',
    clock,
    log: log.child({ part: 'tftp' })
  })
  if (tftp) ending('TFTP', () => tftp.close())
  const onEventOf = (measured: DhcpMetrics) => (event: DhcpEvent) => {
    measured.event(event)
    events.dhcp(event)
    leaseLog.dhcp(event)
    boots.dhcpEvent(event)
  }
  const dhcp = await startDhcp(config.dhcp, {
    boot: boots,
    reservations: reservationsOf(inventory),
    leases: metrics.dhcp.timed(leases, clock),
    onAnswered: metrics.dhcp.observeAnswer,
    interfaces,
    handedSockets,
    onEvent: onEventOf(metrics.dhcp),
    // It would tell iPXE that nothing is to be had over IPv6.
    routerAdvertiser: config.dhcp6.mode === 'authoritative' ? 'none' : undefined,
    clock,
    log: log.child({ part: 'dhcp' }),
    held
  })
  if (dhcp) ending('DHCP', () => dhcp.close())
  const dhcp6 = await startDhcp6(config.dhcp6, {
    boot: boots,
    leases: metrics.dhcp6.timed6(leases6, clock),
    isKnownHost: (identity) => inventory.host(identity) !== undefined,
    stored: leases6,
    interfaces: () => interfaces.current,
    onEvent: onEventOf(metrics.dhcp6),
    onAnswered: metrics.dhcp6.observeAnswer,
    clock,
    log: log.child({ part: 'dhcp6' }),
    held: held6
  })
  if (dhcp6) ending('DHCPv6', () => dhcp6.close())

  const disks = new DiskWatch({ directories: watchedDirectories(config), clock, log })
  ending('disk watch', () => disks.close())

  // What speaks to administrators.
  const measured = {
    boots,
    http: httpCounters,
    tftp,
    dhcp,
    dhcp6,
    disks,
    images: { directory: config.images.store, list: () => store.list() }
  }
  const adminFace = new AdminFace({
    audit,
    boots,
    channels,
    checkDatabase: async () => {
      await sql`select 1`.execute(database)
      if (dhcp && !dhcp.savesLeases) throw new Error('leases cannot be saved, so DHCP gives no new ones')
    },
    unwritable: () => disks.unwritable.keys(),
    clock,
    inventory,
    journal,
    leases: {
      list: () => leases.load(),
      remove: async (address) => {
        const isRemoved = await removeLease(address, leases, dhcp)
        if (isRemoved) leaseLog.revoked(address, boots.macOf(address))
        return isRemoved
      }
    },
    limits: {
      uploadBytes: config.http.admin.uploadMegabytes * 1_000_000,
      uploadMs: config.http.admin.uploadMinutes * 60_000
    },
    log: log.child({ part: 'admin face' }),
    scrape: (format) => metrics.scrape(measured, format),
    store,
    tokens
  })
  ending('admin face', () => adminFace.close(CLOSE_MS / 2))
  const { address, port } = config.http.admin
  await listen(adminFace, { face: 'admin face', protocol: 'tcp', address, port, setting: 'http.admin' })
  const tokenFile = path.join(config.stateDir, 'admin-token')
  const isFirst = await tokens.ensureAdminToken(tokenFile)

  const adminUrl = `http://${config.http.admin.address}:${adminFace.port}`
  if (loaders.missingPackages.length > 0) {
    log.warn(`loaders are missing: apt-get install -y --no-install-recommends ${loaders.missingPackages.join(' ')}`)
  }
  if (isFirst) log.info(`the first admin token is in ${tokenFile}`)
  const modes = { mode: config.dhcp.mode, mode6: config.dhcp6.mode }
  log.info({ ...modes, interfaces: dhcp?.links.map(({ name }) => name) }, `ready; admin API: ${adminUrl}`)
  const running = parts.move()
  return {
    adminUrl,
    bootPort: bootFace.port,
    tftpPort: tftp?.port,
    tokenFile,
    close: () => running.disposeAsync()
  }
}

async function makeDirectory(directory: string, setting: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o750 })
  } catch (error) {
    throw directoryError(error, directory, setting)
  }
}

async function openState(file: string): Promise<Database> {
  try {
    return await openDatabase(file)
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error)
    throw new StartError(
      'DATABASE_UNUSABLE',
      `${file}: ${cause}; put back a copy, or move it away to begin anew`,
      error
    )
  }
}

async function openStore(directory: string, clock: Clock, log: Log): Promise<ImageStore> {
  await makeDirectory(directory, 'images.store')
  try {
    return await ImageStore.open(directory, { clock, log })
  } catch (error) {
    const code = errnoOf(error) ?? ''
    if (['EACCES', 'EROFS', 'EPERM'].includes(code)) throw directoryError(error, directory, 'images.store')
    if (code === 'STORE_LOCKED') throw alreadyRunning(directory, 'images.store', error)
    throw new StartError(
      'STORE_UNUSABLE',
      `${directory}: ${messageOf(error)}; put back a copy, or set images.store`,
      error
    )
  }
}

function watchedDirectories({ stateDir, images }: Config): readonly WatchedDirectory[] {
  return [
    {
      setting: 'stateDir',
      path: stateDir,
      consequence: 'machines boot, but no new lease is given and nothing can be changed'
    },
    { setting: 'images.store', path: images.store, consequence: 'machines boot, but no version can be published' }
  ]
}

async function listen(face: AdminFace, endpoint: Endpoint): Promise<void> {
  try {
    await face.listen(endpoint.address, endpoint.port)
  } catch (error) {
    throw listenError(error, endpoint)
  }
}

async function openBootFace(face: BootFace, { address, port }: Config['http']['boot']): Promise<void> {
  for (const one of address) {
    try {
      await face.listen(one, port)
    } catch (error) {
      throw listenError(error, { face: 'boot face', protocol: 'tcp', address: one, port, setting: 'http.boot' })
    }
  }
}

async function startTftp({ tftp }: Config, options: Omit<Parameters<typeof startTftpServer>[0], 'addresses' | 'port'>) {
  if (!tftp.enabled) return undefined
  const { port } = tftp
  const { transfers, transfersPerSource, ...rates } = tftp.limits
  const limits = {
    ...rates,
    maxTransfers: transfers,
    maxTransfersPerSource: transfersPerSource,
    cacheBytes: TFTP_CACHE_BYTES
  }
  const addresses = tftp.addresses.length > 0 ? tftp.addresses : ['0.0.0.0', '::']
  const transferPorts = tftp.singlePort ? 'same' : tftp.portRange
  try {
    return await startTftpServer({ ...options, addresses, port, transferPorts, limits })
  } catch (error) {
    throw listenError(error, { face: 'TFTP', protocol: 'udp', address: addresses.join(', '), port, setting: 'tftp' })
  }
}

/** The native engine where it works, unless the plain one is asked for. */
async function udpEngine({ engine }: Config['tftp'], clock: Clock, log: Log): Promise<UdpEngine> {
  if (engine === 'plain') return plainUdp
  const native = await loadNativeUdp(clock)
  if (native) return native
  log.info('TFTP sends packets one by one: this system does not take them in batches')
  return plainUdp
}

/**
 * The signed chain boots UEFI machines whether or not they enforce Secure Boot. But GRUB looks for its configuration at the
 * next-server of the DHCP ACK, and in proxy mode that is somebody else's: there only iPXE finds its way back to us.
 */
function loaderDefaults({ boot, dhcp }: Config): LoaderDefaults {
  return { 'x64-uefi': dhcp.mode === 'proxy' ? 'ipxe' : 'grub', ...boot.loaders }
}

function whoHas(address: Address, boots: Boots): Who {
  const mac = boots.macOf(address)
  return { mac, host: mac === undefined ? undefined : boots.latest(mac)?.host }
}

function archAt(address: string, boots: Boots): Arch | undefined {
  const client = parseAddress(address)
  const mac = client === undefined ? undefined : boots.macOf(client)
  return mac === undefined ? undefined : boots.latest(mac)?.arch
}

async function startDhcp(
  dhcp: Config['dhcp'],
  { held, ...options }: Omit<DhcpServerOptions, 'config'> & { readonly held: readonly Lease[] }
): Promise<DhcpServer | undefined> {
  if (dhcp.mode === 'off') return undefined
  const leases = dhcp.mode === 'proxy' ? undefined : options.leases
  return startDhcpServer({ ...options, leases, config: dhcpConfig(dhcp) }, held)
}

/** How long leases that are over are kept, to be looked at. */
const LEASE6_KEPT_MS = 7 * 24 * 3_600_000

async function startDhcp6(
  { mode, serverAddress, ...config }: Config['dhcp6'],
  {
    stored,
    held,
    ...options
  }: Omit<Dhcp6ServerOptions, 'config' | 'serverId' | 'routerAdvertiser'> & {
    readonly stored: StoredLeases6
    readonly held: readonly Lease6[]
  }
): Promise<Dhcp6Server | undefined> {
  if (mode === 'off') return undefined
  await stored.prune(options.clock.now() - LEASE6_KEPT_MS)
  const routerAdvertiser = mode === 'authoritative' ? await loadRouterAdvertiser() : undefined
  const serverId = await stored.serverId(newDuid)
  return startDhcp6Server({ ...options, config: { ...config, mode, serverAddress }, serverId, routerAdvertiser }, held)
}

function dhcpConfig({ mode, interfaces, subnets, ...dhcp }: Config['dhcp']): DhcpConfig {
  return {
    ...DHCP_DEFAULTS,
    mode,
    interfaces,
    optionCode: dhcp.kernelArgumentsOption,
    uefiBootfile: dhcp.uefiBootfile,
    quarantineMs: dhcp.quarantineSeconds * 1000,
    limits: dhcp.limits,
    subnets: subnets.map(({ options = {}, ...subnet }) => ({
      ...subnet,
      options: new Map(Object.entries(options).map(([code, hex]) => [Number(code), Buffer.from(hex, 'hex')]))
    }))
  }
}

function reservationsOf(inventory: StoredInventory): Reservations {
  return {
    reservation: (mac) => inventory.host(mac)?.address,
    reservedFor: (address) => inventory.hostAt(address)?.mac,
    hostname: (mac) => inventory.host(mac)?.name
  }
}

/** A DHCP server that runs has the last word; without one, what it once wrote is just a row. */
async function removeLease(address: number, leases: StoredLeases, dhcp: DhcpServer | undefined): Promise<boolean> {
  if (dhcp) return dhcp.revoke(address)
  const isThere = (await leases.load()).some((lease) => lease.address === address)
  if (isThere) await leases.remove(address)
  return isThere
}

/** Never rejects: a part that can't end must not keep the others from it. */
async function endInTime(what: string, end: () => unknown, clock: Clock, log: Log): Promise<void> {
  try {
    const ended = Promise.resolve(end()).then(() => true)
    if (await Promise.race([ended, sleep(clock, CLOSE_MS).then(() => false)])) return
    log.warn(`${what}: not ended after ${CLOSE_MS / 1000} s; leaving it behind`)
  } catch (error) {
    log.error({ err: error }, `${what}: could not be ended`)
  }
}

function newBootId(): string {
  return Array.from({ length: 16 }, () => BOOT_ID_ALPHABET[randomInt(BOOT_ID_ALPHABET.length)]).join('')
}
