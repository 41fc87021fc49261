// What firmware and loaders of PCs say over DHCP and TFTP on their way to a boot script, each for itself and then under loss.
import './support/bare.ts'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { BootSettings } from '../../server/boot/model.ts'
import { type DhcpPacket, decodeDhcp } from '../../server/dhcp/packet.ts'
import { OPTION } from '../../server/dhcp/registry.ts'
import type { ClientOptions } from '../../server/lab/rig.ts'
import { formatIpv4 } from '../../server/net/ipv4.ts'
import type { Mac } from '../../server/net/mac.ts'
import { decodeTftp, type TftpPacket } from '../../server/tftp/packet.ts'
import type { CapturedDatagram } from '../support/pcap.ts'
import { Capture } from './support/capture.ts'
import { publishTiny, TINY } from './support/tiny.ts'
import { type Diskless, LOG_DIRECTORY, startWorld } from './support/world.ts'

const BIOS = { firmware: 'bios', rom: 'ipxe', memoryMib: 256 } as const
const UEFI = { firmware: 'uefi', rom: 'none', memoryMib: 512 } as const
const SECURE = { ...UEFI, firmware: 'uefi-secure' } as const

t.jobs = 2
const world = await startWorld(t, { clients: 5 })
await publishTiny(world)

/** Powers it on, and has what it says kept. */
async function bootCaptured(
  t: Test,
  number: number,
  client: Partial<ClientOptions>,
  settings: BootSettings
): Promise<{ machine: Diskless; wire: Capture }> {
  const machine = await world.host(t, number, client, { image: TINY, ...settings })
  const wire = await Capture.of(number)
  t.teardown(() => wire.stop())
  await machine.powerOn()
  return { machine, wire }
}

/** One transfer as both sides told it, in order: requests by their options, blocks of data left out. */
interface Conversation {
  readonly name: string
  readonly asked: Readonly<Record<string, string>>
  granted: Readonly<Record<string, string>> | undefined
  /** Error codes, the client's as `client 8`. */
  readonly errors: string[]
  /** Of the first block; undefined when none came. */
  firstBytes: number | undefined
}

function conversations(heard: readonly CapturedDatagram[]): readonly Conversation[] {
  const byPort = new Map<number, Conversation>()
  const all: Conversation[] = []
  for (const { source, destination, payload } of heard) {
    const isDhcp = [67, 68, 4011].includes(source.port) || [67, 68, 4011].includes(destination.port)
    if (isDhcp) continue
    const packet = decodeTftp(payload)
    if (packet.kind === 'request') {
      const told = {
        name: packet.name,
        asked: Object.fromEntries(packet.options),
        granted: undefined,
        errors: [],
        firstBytes: undefined
      }
      all.push(told)
      byPort.set(source.port, told)
    } else note(byPort.get(source.port), byPort.get(destination.port), packet)
  }
  return all
}

function note(client: Conversation | undefined, server: Conversation | undefined, packet: TftpPacket): void {
  if (packet.kind === 'error') (client ?? server)?.errors.push(`${client ? 'client ' : ''}${packet.errorCode}`)
  if (packet.kind === 'oack' && server) server.granted ??= Object.fromEntries(packet.options)
  if (packet.kind === 'data' && server) server.firstBytes ??= packet.bytes.length
}

/** What DHCP told this machine: broadcasts to others are heard as well. */
function replies(heard: readonly CapturedDatagram[], mac: Mac): readonly DhcpPacket[] {
  const all = heard.filter(({ source }) => source.port === 67).map(({ payload }) => decodeDhcp(payload))
  return all.filter(({ chaddr }) => chaddr === mac)
}

/** What the server logged of this machine's TFTP, by message. */
function logged(who: string, message: string): readonly LogLine[] {
  return serverLog().filter(({ client, address, msg }) => (client ?? address) === who && msg === message)
}

interface LogLine {
  readonly level: number
  readonly msg: string
  readonly client?: string
  readonly address?: string
  readonly file?: string
  readonly retransmissions?: number
}

function serverLog(): readonly LogLine[] {
  const lines = readFileSync(join(LOG_DIRECTORY, 'server.log'), 'utf8').trim().split('\n')
  return lines.map((line): LogLine => JSON.parse(line))
}

t.test('EDK2 goes to iPXE', { buffered: true }, async (t) => {
  const { machine, wire } = await bootCaptured(t, 1, UEFI, { loader: 'ipxe' })
  await machine.until('script')
  const heard = await wire.until('the transfer', (all) => conversations(all).length >= 2)
  const [probe, fetch] = conversations(heard)
  const [offer] = replies(heard, machine.machine.mac)
  const address = formatIpv4(offer?.yiaddr ?? 0)

  t.test('P1, P2, P3, C11: it was told in one exchange, and asked nobody on port 4011', async (t) => {
    t.equal(formatIpv4(offer?.siaddr ?? 0), '10.77.0.1')
    t.equal(offer?.file, 'ipxe/ipxe.efi')
    t.same(offer?.options.get(OPTION.bootfile), Buffer.from('ipxe/ipxe.efi\0'))
    t.same(offer?.options.get(OPTION.vendorClass), Buffer.from('PXEClient'))
    t.same(offer?.options.get(OPTION.vendorSpecific), Buffer.from('060108ff', 'hex'))
    t.notOk(heard.some(({ source, destination }) => source.port === 4011 || destination.port === 4011))
  })
  t.test('T14, T5: it asked for the size, took it and aborted, which is no failure', async (t) => {
    t.equal(probe?.asked.tsize, '0')
    t.same(Object.keys(probe?.granted ?? {}), Object.keys(probe?.asked ?? {}))
    t.same(probe?.errors, ['client 8'])
    t.match(logged(address, 'tftp: probed'), [{ file: 'ipxe/ipxe.efi', level: 20 }])
    t.same(logged(address, 'TFTP: transfer failed'), [])
  })
  t.test('T8, T11: and then fetched by whole frames, four at a time', async (t) => {
    t.same(fetch?.asked, { blksize: '1468', windowsize: '4' })
    t.same(fetch?.granted, fetch?.asked)
    t.equal(fetch?.firstBytes, 1468)
  })
})

t.test('iPXE in ROM goes to PXELINUX', { buffered: true }, async (t) => {
  const { machine, wire } = await bootCaptured(t, 2, BIOS, { loader: 'pxelinux' })
  await machine.until('script')
  const isConfig = ({ name }: Conversation) => name.includes('pxelinux.cfg/')
  const told = conversations(await wire.until('the configuration', (all) => conversations(all).some(isConfig)))
  const byIpxe = told.find(({ name }) => name.endsWith('lpxelinux.0'))
  const byPxelinux = told.filter(({ name }) => /ldlinux|pxelinux\.cfg/.test(name))

  t.test('T8: each gets the blocks that it asks for', async (t) => {
    t.match(byIpxe, { asked: { blksize: '1432', tsize: '0' }, granted: { blksize: '1432' }, firstBytes: 1432 })
    for (const { asked, granted } of byPxelinux) t.match([asked.blksize, granted?.blksize ?? '1408'], ['1408', '1408'])
  })
  t.test('T5: PXELINUX, which refuses an OACK with more in it than it asked for, refuses none', async (t) => {
    t.ok(byPxelinux.length >= 2)
    t.notOk(told.some(({ errors }) => errors.includes('client 8')))
  })
  t.test('P11: it is answered at the first name of its walk, for DHCP made it known', async (t) => {
    t.equal(told.filter(isConfig).length, 1)
  })
})

t.test('EDK2 goes to shim and GRUB, Secure Boot enforced', { buffered: true }, async (t) => {
  const { machine, wire } = await bootCaptured(t, 3, SECURE, {})
  await machine.until('script')
  const isConfig = ({ name, firstBytes }: Conversation) => name.endsWith('/grub.cfg') && firstBytes !== undefined
  const told = conversations(await wire.until('the configuration', (all) => conversations(all).some(isConfig)))

  t.test('T15: what shim looks for in vain it is told at once', async (t) => {
    const missed = told.filter(({ errors }) => errors.includes('1')).map(({ name }) => name)
    t.match(missed, [/^revocations_/], missed.join(' '))
    t.ok(told.some(({ name, firstBytes }) => name === 'grubx64.efi' && firstBytes !== undefined))
    t.notOk(
      told.some(({ errors }) => errors.some((code) => !/^(1|client .*)$/.test(code))),
      'nothing but 1 was said'
    )
  })
  t.test('T6, T8: GRUB gets the OACK that it waits for', async (t) => {
    t.match(told.find(isConfig), { asked: { blksize: '1024', tsize: '0' }, granted: { blksize: '1024' } })
  })
})

t.test('while 1 % is lost each way', async (t) => {
  await loseOnePercent(['client4', 'client5'])
  t.jobs = 2
  t.test('T4: EDK2 gets its loader', { buffered: true }, async (t) => {
    const machine = await world.host(t, 4, UEFI, { image: TINY, loader: 'ipxe' })
    await machine.powerOn()
    t.match(await machine.until('loader'), { detail: /ipxe\.efi/ })
  })
  t.test('T4: iPXE gets kernel and initrd by TFTP', { buffered: true }, async (t) => {
    const machine = await world.host(t, 5, BIOS, { image: TINY, transport: 'tftp' })
    await machine.powerOn()
    t.match(await machine.until('kernel'), { detail: /TFTP/ })
    const { detail } = await machine.until('initrd')
    t.match(detail, /TFTP/)
  })
  t.test('and the server repeated what was lost', async (t) => {
    const done = serverLog().filter(({ msg, file }) => msg === 'TFTP: transfer done' && /^blobs/.test(file ?? ''))
    t.ok(done.some(({ retransmissions }) => (retransmissions ?? 0) > 0))
  })
})

/** DHCP is spared: how long firmware waits for its next try is not what is asked here. */
async function loseOnePercent(devices: readonly string[]): Promise<void> {
  const chains = ['ingress', 'egress'].map(
    (hook) =>
      `add chain netdev rain ${hook} { type filter hook ${hook} devices = { ${devices.join(', ')} } priority 0; }; ` +
      `add rule netdev rain ${hook} udp dport != { 67, 68 } numgen random mod 100 < 1 drop`
  )
  await promisify(execFile)('nft', [`add table netdev rain; ${chains.join('; ')}`])
}
