// One client: a QEMU machine with no disk at all, whose only way to a system is its network card.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { Duplex, type Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Mac } from '../net/mac.ts'
import type { Accelerator } from './accelerator.ts'
import { SerialConsole } from './console.ts'
import { type CardRom, type Firmware, firmwareArguments } from './firmware.ts'
import { Qmp } from './qmp.ts'

export interface MachineOptions {
  readonly name: string
  readonly mac: Mac
  /** The tap that its card is plugged into. */
  readonly tap: string
  readonly firmware: Firmware
  readonly rom: CardRom
  /** OVMF tries UEFI HTTP boot and not PXE. */
  readonly httpBoot?: boolean | undefined
  /** OVMF leaves PXE over IPv4 out, and so begins with PXE over IPv6. */
  readonly withoutIpv4Pxe?: boolean | undefined
  readonly memoryMib: number
  readonly accelerator: Accelerator
  /** For firmware variables; made when absent. */
  readonly directory: string
  /** Every power-on appends to it. */
  readonly consoleLog: string
  readonly clock: Clock
}

/** It was asked for something that needs power, or QEMU would not start. */
export class MachineOff extends Error {
  readonly code = 'LAB_MACHINE_OFF'
  override readonly name = 'MachineOff'
}

interface Powered {
  readonly process: ChildProcess
  readonly console: SerialConsole
  readonly qmp: Qmp
  readonly gone: Promise<void>
}

const PROCESSORS = '2'
// Emulated byte by byte, `rep movsb` is slow: without these two the kernel moves memory in words.
const CPU = 'max,erms=off,fsrm=off'
const QMP_FD = 3

export class Machine {
  readonly #options: MachineOptions
  #powered: Powered | undefined

  constructor(options: MachineOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get mac(): Mac {
    return this.#options.mac
  }

  /** Of the present power-on; an earlier one's words are only in the log. */
  get console(): SerialConsole {
    return this.#power().console
  }

  /** Resolves once QEMU runs; the firmware has hardly begun by then. */
  async powerOn(): Promise<void> {
    if (this.#powered) return
    await mkdir(this.#options.directory, { recursive: true })
    const qemu = spawn('qemu-system-x86_64', await machineArguments(this.#options), {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe']
    })
    const { name, clock, accelerator, consoleLog: logPath } = this.#options
    const gone = departure(qemu)
    const complaint = collect(qemu.stderr)
    const console = new SerialConsole({ name, clock, logPath, output: qemu.stdout, input: qemu.stdin })
    const qmp = new Qmp(control(qemu), clock)
    this.#powered = { process: qemu, console, qmp, gone }
    // Nobody here stops a machine: its accelerator has failed, and it would stand still for ever.
    qmp.onStop(() => console.end(`its processors stopped (${complaint().split('\n', 1)[0] || accelerator})`))
    try {
      await qmp.greet()
    } catch (cause) {
      await this.powerOff()
      throw new MachineOff(`${name} did not start: ${complaint()}`, { cause })
    }
  }

  /** Pulls the plug. Harmless when it is off. */
  async powerOff(): Promise<void> {
    const powered = this.#powered
    if (!powered) return
    this.#powered = undefined
    await powered.qmp.execute('quit').catch(() => powered.process.kill('SIGKILL'))
    await powered.gone
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.#power().qmp.execute('system_reset')
  }

  /** Resolves when the machine has switched itself off. */
  async off(): Promise<void> {
    await this.#powered?.gone
    this.#powered = undefined
  }

  #power(): Powered {
    if (!this.#powered) throw new MachineOff(`${this.name} is off`)
    return this.#powered
  }
}

async function machineArguments(options: MachineOptions): Promise<string[]> {
  return [
    ...['-name', options.name, '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none'],
    ...['-accel', options.accelerator, '-cpu', CPU, '-smp', PROCESSORS, '-m', String(options.memoryMib)],
    ...(await firmwareArguments(options.firmware, options.directory)),
    ...['-uuid', machineUuid(options.mac)],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=qmp,fd=${QMP_FD}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-netdev', `tap,id=lan,ifname=${options.tap},script=no,downscript=no`],
    ...['-device', cardDevice(options)],
    ...['-device', 'virtio-rng-pci'], // OVMF 2022 gets by without; newer refuse to start the network without entropy
    ...(options.httpBoot || options.withoutIpv4Pxe ? NO_IPV4_PXE : []),
    ...(options.httpBoot ? NO_IPV6_PXE : [])
  ]
}

const NO_IPV4_PXE = ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n']
const NO_IPV6_PXE = ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n']

function cardDevice({ mac, rom }: MachineOptions): string {
  const card = `virtio-net-pci,netdev=lan,mac=${mac},bootindex=1`
  return rom === 'none' ? `${card},romfile=` : card
}

/** SMBIOS UUID (option 97, pxelinux.cfg/<uuid>): one per card, the same at every power-on. */
export function machineUuid(mac: Mac): string {
  return `6c616200-0000-4000-8000-${mac.replaceAll(':', '')}`
}

/** Also when QEMU could not be started at all. */
function departure(qemu: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    qemu.once('close', () => resolve())
    qemu.once('error', () => resolve())
  })
}

/** QEMU's end of fd 3 is a socket pair's, so QMP needs no path on disk. */
function control(qemu: ChildProcess): Duplex {
  const stream = qemu.stdio[QMP_FD]
  if (!(stream instanceof Duplex)) throw new MachineOff('no control channel to QEMU')
  return stream
}

function collect(stream: Readable): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return () => text.trim()
}
