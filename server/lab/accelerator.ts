// KVM where it really helps, else TCG. A /dev/kvm that opens says little: nested, it may hang, or crawl behind emulation.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Clock } from '../clock.ts'

export type Accelerator = 'kvm' | 'tcg'

/** SeaBIOS says it after 0.1 s when emulated, sooner on a KVM worth having, after 5 s on one that has to trap everything. */
const LAST_WORDS = 'No bootable device'
const PROBE_MS = 2000

const PROBE = [
  ...['-accel', 'kvm', '-machine', 'q35', '-nodefaults', '-display', 'none'],
  ...['-chardev', 'stdio,id=words,signal=off', '-device', 'isa-debugcon,iobase=0x402,chardev=words']
]

/**
 * Whether a processor's own virtualisation is behind /dev/kvm. KVM without it (`kvm_pvm`) emulates real mode: it brings a
 * firmware to its end, and dies in the network ROM.
 *
 * @param modules where the kernel lists its modules, the built-in ones too.
 */
export function hasHardwareKvm(modules = '/sys/module'): boolean {
  return ['kvm_intel', 'kvm_amd'].some((name) => existsSync(path.join(modules, name)))
}

/** Lets a firmware come to its end under KVM, in a child that is given two seconds and then left to die by itself. */
export function probeAccelerator(clock: Clock): Promise<Accelerator> {
  return new Promise((resolve) => {
    const child = spawn('qemu-system-x86_64', PROBE, { stdio: ['pipe', 'pipe', 'ignore'] })
    const conclude = (accelerator: Accelerator) => {
      timer.cancel()
      child.kill('SIGKILL')
      // One that hangs inside the kernel outlives even SIGKILL: nobody waits for it.
      child.stdin.destroy()
      child.stdout.destroy()
      child.unref()
      resolve(accelerator)
    }
    const timer = clock.after(PROBE_MS, () => conclude('tcg'))
    child.on('error', () => conclude('tcg'))
    child.on('exit', () => conclude('tcg'))
    let words = ''
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      words += chunk
      if (words.includes(LAST_WORDS)) conclude('kvm')
    })
  })
}
