// A boot answer as header fields and options, for what asks: PXE firmware, UEFI HTTP boot, iPXE, Raspberry Pi, a system.
import type { BootAnswer } from '../boot/answer.ts'
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts'
import { asksFor, type Facts, isEarlyRaspberryPi, wants } from './facts.ts'
import { subOptions, text, u8, u32 } from './options.ts'
import { IPXE, OPTION, PXE, USE_BOOTFILE } from './registry.ts'
import type { DhcpConfig } from './settings.ts'

export interface BootFields {
  readonly siaddr: Ipv4
  readonly file: string
  readonly options: ReadonlyMap<number, Uint8Array>
}

export interface BootFieldsInput {
  readonly answer: BootAnswer
  readonly facts: Facts
  readonly config: Pick<DhcpConfig, 'mode' | 'optionCode' | 'uefiBootfile'>
  /** On port 4011 everything is told, whatever was held back on 67. */
  readonly port: 67 | 4011
}

const LONGEST_FILE = 127

export function bootFields(input: BootFieldsInput): BootFields {
  const { answer, facts, config } = input
  const options = new Map<number, Uint8Array>()
  addKernelLine(options, input)
  if (answer.kind === 'boot' && bootsFromNetwork(facts)) {
    const named = isNameToldNow(input)
    addClassEcho(options, input, named)
    if (named) addBootfile(options, answer.bootfile, answer.nextServer, facts)
    addPxelinux(options, answer, facts)
    if (facts.stage === 'ipxe' && config.mode === 'authoritative') {
      options.set(OPTION.ipxe, subOptions([[IPXE.noProxyDhcp, u8(1)]])) // or iPXE waits two seconds for one
    }
  }
  for (const [code, value] of answer.dhcpOptions) options.set(code, value)
  const booting = answer.kind === 'boot' && (bootsFromNetwork(facts) || asksForBootfile(facts))
  if (!booting) return { siaddr: 0, file: '', options }
  if (!bootsFromNetwork(facts)) addBootfile(options, answer.bootfile, answer.nextServer, facts)
  // The header's field as well as option 67: shim and rhboot's GRUB read nothing else.
  const file = answer.bootfile.length <= LONGEST_FILE && isNameToldNow(input) ? answer.bootfile : ''
  return { siaddr: answer.nextServer, file, options }
}

function bootsFromNetwork(facts: Facts): boolean {
  return facts.stage !== 'system'
}

function asksForBootfile(facts: Facts): boolean {
  return asksFor(facts, OPTION.bootfile) || asksFor(facts, OPTION.tftpServer)
}

/** UEFI firmware may be made to come back on port 4011 for the name, by an offer with option 60 and without 43. */
function isNameToldNow({ facts, config, port }: BootFieldsInput): boolean {
  return !(config.uefiBootfile === 'on-4011' && port === 67 && isUefiPxe(facts))
}

function isUefiPxe(facts: Facts): boolean {
  return facts.stage === 'firmware' && facts.vendor === 'PXEClient' && facts.arch.endsWith('-uefi')
}

/** Options 60, 97 and 43. A `PXEClient` without 43 is sent to port 4011 by EDK2, so the two go together. */
function addClassEcho(options: Map<number, Uint8Array>, { facts }: BootFieldsInput, named: boolean): void {
  if (facts.vendor === 'HTTPClient') {
    options.set(OPTION.vendorClass, text('HTTPClient'))
    return
  }
  if (facts.vendor !== 'PXEClient' && facts.arch !== 'raspberry-pi') return
  options.set(OPTION.vendorClass, text('PXEClient')) // nine bytes, nothing more
  if (named) options.set(OPTION.vendorSpecific, vendorSpecific(facts))
}

function vendorSpecific(facts: Facts): Uint8Array {
  const end = Uint8Array.of(PXE.end)
  if (facts.arch === 'raspberry-pi') return Buffer.concat([raspberryPiMenu(facts), end])
  const control: [number, Uint8Array] = [PXE.discoveryControl, u8(USE_BOOTFILE)]
  const item: [number, Uint8Array][] = facts.bootItem ? [[PXE.bootItem, facts.bootItem]] : []
  return Buffer.concat([subOptions([control, ...item]), end])
}

/** The ROM looks for exactly this menu entry; up to the Pi 3 it miscounts its length by the three spaces. */
function raspberryPiMenu(facts: Facts): Uint8Array {
  const entry = text(isEarlyRaspberryPi(facts) ? 'Raspberry Pi Boot   ' : 'Raspberry Pi Boot')
  return subOptions([
    [PXE.discoveryControl, u8(3)],
    [PXE.menuPrompt, Buffer.concat([u8(0), text('PXE')])],
    [PXE.bootMenu, Buffer.concat([Uint8Array.of(0, 0, entry.length), entry])]
  ])
}

function addBootfile(options: Map<number, Uint8Array>, bootfile: string, nextServer: Ipv4, facts: Facts): void {
  if (wants(facts, OPTION.tftpServer) && facts.vendor !== 'HTTPClient') {
    options.set(OPTION.tftpServer, text(formatIpv4(nextServer))) // no NUL: Raspberry Pis took it for a part of the name
  }
  if (bootfile === '') return
  const inHeader = bootfile.length <= LONGEST_FILE
  // EDK2 writes a NUL behind a value that has none, over the next option's code: so it is inside the length.
  if (wants(facts, OPTION.bootfile) || !inHeader) options.set(OPTION.bootfile, text(`${bootfile}\0`))
}

const PXELINUX_MAGIC = 0xf100747e // RFC 5071 §3

function addPxelinux(
  options: Map<number, Uint8Array>,
  { pxelinux }: BootAnswer & { readonly kind: 'boot' },
  facts: Facts
): void {
  if (!pxelinux || facts.vendor === 'HTTPClient') return
  options.set(OPTION.pxelinuxMagic, u32(PXELINUX_MAGIC))
  options.set(OPTION.pxelinuxConfigFile, text(pxelinux.configFile))
  options.set(OPTION.pxelinuxPathPrefix, text(pxelinux.pathPrefix))
  options.set(OPTION.pxelinuxRebootTime, u32(pxelinux.rebootTimeSeconds))
}

/** Always to iPXE, whose script reads it; else to whoever names the option, as our initramfs may. */
function addKernelLine(options: Map<number, Uint8Array>, { answer, facts, config }: BootFieldsInput): void {
  const { kernelArguments, rootPath } = answer
  if (kernelArguments !== undefined && (facts.stage === 'ipxe' || asksFor(facts, config.optionCode))) {
    options.set(config.optionCode, text(kernelArguments))
  }
  if (rootPath !== undefined && asksFor(facts, OPTION.rootPath)) options.set(OPTION.rootPath, text(rootPath))
}
