// `rootcast lab`: settles what can only be settled on the machine itself, then carries on in a world of its own.
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import type { Loader } from '../boot/model.ts'
import { buildWithProgress } from '../cli/build.ts'
import type { Context } from '../cli/context.ts'
import { CommandFailure } from '../cli/failure.ts'
import { systemClock } from '../clock.ts'
import { type Accelerator, hasHardwareKvm, probeAccelerator } from './accelerator.ts'
import { spawnInside } from './namespace.ts'
import type { LabPlan } from './plan.ts'

export interface LabOptions {
  readonly image: string
  readonly firmware: 'bios' | 'uefi'
  /** Null: what the daemon takes for this kind of machine. */
  readonly loader: Loader | null
  readonly clients: number
  readonly memoryMib: number
  readonly keep: boolean
}

const INSIDE = path.join(import.meta.dirname, 'inside.ts')
const LOGS = path.join(import.meta.dirname, '../../var/lab')

/** @throws CommandFailure with what to do, or that something did not hold. */
export async function runLab(options: LabOptions, context: Context): Promise<void> {
  if (process.getuid?.() !== 0) {
    const why = 'the lab makes a network of its own, with a bridge and taps, which only root may'
    throw new CommandFailure('LAB_NEEDS_ROOT', `${why}; run it as root: sudo npm run lab`, 2)
  }
  const { kernel, initrd, root, arguments: words } = await buildWithProgress(options.image, {}, context)
  const accelerator = await settleAccelerator(context)
  if (accelerator === 'tcg') {
    context.stderr.write('KVM does not work here; the machines are emulated (TCG), and take their time.\n')
  }
  const build = { kernel, initrd, root, arguments: words }
  await mkdir(LOGS, { recursive: true })
  const logDirectory = await mkdtemp(path.join(LOGS, 'run-'))
  await runInside({ ...options, build, accelerator, logDirectory }, context)
  // Of a run that went wrong they are kept.
  await rm(logDirectory, { recursive: true })
}

/** `ROOTCAST_LAB_ACCELERATOR` saves the probe, and is believed. */
export async function settleAccelerator({ env }: Pick<Context, 'env'>): Promise<Accelerator> {
  const given = env.ROOTCAST_LAB_ACCELERATOR
  if (given === 'kvm' || given === 'tcg') return given
  return hasHardwareKvm() ? await probeAccelerator(systemClock) : 'tcg'
}

async function runInside(plan: LabPlan, { signal }: Context): Promise<void> {
  const child = spawnInside([process.execPath, INSIDE, JSON.stringify(plan)], process.env)
  const end = () => child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new CommandFailure('LAB_FAILED', 'the lab did not show all that it should')
}
