// An ARM64 board without a disk whose firmware is U-Boot, with somebody at its serial console. Emulated always: no PC has its processor.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { systemClock } from '../../../server/clock.ts'
import { SerialConsole } from '../../../server/lab/console.ts'
import { clientMac } from '../../../server/lab/network.ts'
import { patience } from '../../../server/lab/patience.ts'
import type { Mac } from '../../../server/net/mac.ts'

const FIRMWARE = '/usr/lib/u-boot/qemu_arm64/u-boot.bin'
const PROMPT = /\n=> $/
const WAIT_MS = 60_000 * patience(process.env)

export class UBoot {
  readonly mac: Mac
  readonly console: SerialConsole
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #gone: Promise<unknown>

  /** @param number of the rig's client whose tap it is plugged into */
  constructor(number: number, logPath: string) {
    this.mac = clientMac(number)
    this.#process = spawn('qemu-system-aarch64', boardArguments(number, this.mac), {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    this.#gone = once(this.#process, 'close')
    const { stdout: output, stdin: input } = this.#process
    this.console = new SerialConsole({ name: 'U-Boot', output, input, logPath, clock: systemClock })
  }

  /** Keeps it from booting by itself. */
  async interrupt(): Promise<void> {
    await this.console.until(/Hit any key to stop autoboot/, { timeoutMs: WAIT_MS })
    this.console.write('\r')
    await this.console.until(PROMPT, { timeoutMs: WAIT_MS })
  }

  /** Types a command; resolves with what it printed. */
  async run(command: string): Promise<string> {
    const from = this.console.text.length
    this.console.write(`${command}\r`)
    await this.console.until(PROMPT, { timeoutMs: WAIT_MS })
    return this.console.text.slice(from)
  }

  /** Pulls the plug. */
  async powerOff(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#gone
  }

  /** Resolves when the board has switched itself off. */
  async off(): Promise<void> {
    await this.#gone
  }
}

function boardArguments(number: number, mac: Mac): string[] {
  return [
    ...['-machine', 'virt', '-cpu', 'cortex-a57', '-m', '256', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-bios', FIRMWARE, '-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-netdev', `tap,id=lan,ifname=client${number},script=no,downscript=no`],
    // Debian's U-Boot reads a wrong MAC from virtio-net-pci, and virtio-net-device falls silent under a full window.
    ...['-device', `e1000,romfile=,netdev=lan,mac=${mac}`]
  ]
}

const SAY = 'the kernel runs\r\n'

/** An ARM64 kernel (Linux: Documentation/arch/arm64/booting.rst) that says one line on the serial port and switches the board off. */
export function tinyKernel(sizeBytes: number): Buffer {
  const code = [
    0xd2a12001, // movz x1, #0x900, lsl #16     the serial port
    0x10000122, // adr  x2, text
    0x38401443, // ldrb w3, [x2], #1
    0x34000063, // cbz  w3, off
    0xb9000023, // str  w3, [x1]
    0x17fffffd, // b    -12
    0xd2b08000, // movz x0, #0x8400, lsl #16    off: PSCI's SYSTEM_OFF
    0xf2800100, // movk x0, #8
    0xd4000002, // hvc  #0
    0x14000000 //  b    .
  ]
  const kernel = Buffer.alloc(sizeBytes)
  kernel.writeUInt32LE(0x14000010, 0) // b 0x40
  kernel.writeBigUInt64LE(BigInt(sizeBytes), 16)
  kernel.writeBigUInt64LE(0xan, 24) // little-endian, pages of 4 KB, runs anywhere
  kernel.write('ARM\x64', 56, 'latin1')
  for (const [i, word] of code.entries()) kernel.writeUInt32LE(word, 64 + 4 * i)
  kernel.write(SAY, 64 + 4 * code.length, 'latin1')
  return kernel
}
