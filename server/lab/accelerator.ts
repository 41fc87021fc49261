// KVM where it really works, else TCG. A /dev/kvm that opens says little: in a nested guest it may never run an instruction.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock } from '../clock.ts'

export type Accelerator = 'kvm' | 'tcg'

const PROBE_MS = 3000
const ROM_BYTES = 65_536
const RESET_VECTOR = ROM_BYTES - 16 // the processor's first instruction, 16 bytes below the top of the ROM
const ANSWER = 0x10
const EXIT_CODE = (ANSWER << 1) | 1 // what isa-debug-exit makes of it

/** Runs four instructions under KVM, in a child that is given three seconds and then left to die by itself. */
export async function probeAccelerator(directory: string, clock: Clock): Promise<Accelerator> {
  const rom = join(directory, 'kvm-probe.rom')
  await writeFile(rom, probeRom())
  return await new Promise((resolve) => {
    const args = ['-accel', 'kvm', '-M', 'pc', '-nodefaults', '-display', 'none', '-bios', rom]
    const child = spawn('qemu-system-x86_64', [...args, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'], {
      stdio: 'ignore'
    })
    // A child that hangs inside the kernel outlives even SIGKILL: we don't wait for it.
    const timer = clock.after(PROBE_MS, () => {
      child.kill('SIGKILL')
      child.unref()
      resolve('tcg')
    })
    child.on('error', () => resolve('tcg'))
    child.on('exit', (code) => {
      timer.cancel()
      resolve(code === EXIT_CODE ? 'kvm' : 'tcg')
    })
  })
}

function probeRom(): Buffer {
  const rom = Buffer.alloc(ROM_BYTES, 0xf4) // hlt
  Buffer.from([
    ...[0xb0, ANSWER], // mov al, ANSWER
    ...[0xe6, 0xf4], // out 0xf4, al
    ...[0xf4, 0xeb, 0xfd] // hlt; jmp to it
  ]).copy(rom, RESET_VECTOR)
  return rom
}
