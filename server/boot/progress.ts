// How a boot gets on, as a pure state machine: when a new one begins, what an event makes of it, when silence ends it.
import { type Boot, type BootEvent, STEPS, type Step } from './model.ts'

export interface Progress {
  readonly boot: Boot
  /** The furthest step so far. */
  readonly reached: Step
  /** ms since 1970: when it was. */
  readonly reachedAt: number
  /** ms since 1970: when this machine was last heard of in this boot. */
  readonly heardAt: number
  readonly lastEvent: BootEvent | undefined
}

/** What somebody saw of a boot. */
export interface Observation {
  readonly step: Step
  readonly outcome: BootEvent['outcome']
  readonly detail: string
  readonly doneBytes?: number | undefined
  readonly totalBytes?: number | undefined
  /** Left out where only the bytes are told, and not how long they took. */
  readonly bytesPerSecond?: number | undefined
  /** The boot can't go on by itself after this. */
  readonly fatal?: boolean | undefined
}

export interface Advance {
  readonly progress: Progress
  /** Undefined when it would only repeat the last one. */
  readonly event: BootEvent | undefined
}

export interface SilenceLimits {
  /** A machine that is booting and isn't heard of for so long has failed. */
  readonly bootingMs: number
  /** A machine that runs from RAM owes us no sign of life; after so long it counts as gone. */
  readonly runningMs: number
}

export const DEFAULT_SILENCE: SilenceLimits = { bootingMs: 10 * 60_000, runningMs: 7 * 24 * 3_600_000 }

/** The steps that firmware and loaders can only take at the beginning. The others belong to a boot that is under way. */
export type OpeningStep = Extract<Step, 'dhcp' | 'ipxe-dhcp' | 'script'>

/** Whether this step is the first of another attempt: nobody goes back in a boot. A repeat of the same step is none. */
export function opensBoot(
  current: Progress | undefined,
  step: OpeningStep,
  now: number,
  limits: SilenceLimits = DEFAULT_SILENCE
): boolean {
  if (current === undefined || current.boot.state === 'ended') return true
  return order(lastRepeatable(current, step)) < order(current.reached) || now - current.heardAt >= limits.bootingMs
}

/** A Raspberry Pi's script is two files, and it reads them before, between and after kernel and initrd. */
function lastRepeatable({ boot }: Progress, step: OpeningStep): Step {
  return step === 'script' && boot.arch === 'raspberry-pi' ? 'initrd' : step
}

export function open(boot: Boot, step: OpeningStep): Progress {
  return { boot, reached: step, reachedAt: boot.startedAt, heardAt: boot.startedAt, lastEvent: undefined }
}

/** What is known of a boot that another run of this server began. */
export function resume(boot: Boot): Progress {
  const reached = boot.state === 'running' ? 'up' : boot.version === undefined ? 'dhcp' : 'script'
  return { boot, reached, reachedAt: boot.updatedAt, heardAt: boot.updatedAt, lastEvent: undefined }
}

export function observe(progress: Progress, seen: Observation, now: number): Advance {
  const { boot } = progress
  const reached = order(seen.step) > order(progress.reached) ? seen.step : progress.reached
  const reachedAt = reached === progress.reached ? progress.reachedAt : now
  const bytesPerSecond = seen.bytesPerSecond ?? rateSince(progress.lastEvent, seen, now)
  const event = eventOf(boot, seen, now, bytesPerSecond)
  const repeated = isRepeat(progress.lastEvent, event)
  const next = { ...boot, state: stateAfter(boot, seen), updatedAt: now }
  return {
    progress: { boot: next, reached, reachedAt, heardAt: now, lastEvent: repeated ? progress.lastEvent : event },
    event: repeated ? undefined : event
  }
}

/** A sign of life that is no step. */
export function hear(progress: Progress, now: number): Progress {
  return { ...progress, heardAt: now }
}

/** The machine began another boot. */
export function supersede(progress: Progress, now: number): Advance {
  const state = progress.boot.state === 'running' ? 'ended' : 'failed'
  return close(progress, state, `the machine started again; the last step was ${progress.reached}`, now)
}

/** The machine went away in good order. */
export function end(progress: Progress, why: string, now: number): Advance {
  return close(progress, 'ended', why, now)
}

/** Undefined while nothing is wrong. */
export function silence(progress: Progress, now: number, limits: SilenceLimits): Advance | undefined {
  const silentMs = now - progress.heardAt
  if (progress.boot.state === 'booting' && silentMs >= limits.bootingMs) {
    return close(
      progress,
      'failed',
      `nothing heard for ${inWords(silentMs)}; the last step was ${progress.reached}`,
      now
    )
  }
  if (progress.boot.state === 'running' && silentMs >= limits.runningMs) {
    return close(progress, 'ended', `nothing heard for ${inWords(silentMs)}`, now)
  }
  return undefined
}

function close(progress: Progress, state: 'ended' | 'failed', why: string, now: number): Advance {
  if (progress.boot.state === 'ended' || progress.boot.state === state) return { progress, event: undefined }
  const outcome = state === 'failed' ? 'failed' : 'ok'
  const event = eventOf(progress.boot, { step: progress.reached, outcome, detail: why }, now)
  return { progress: { ...progress, boot: { ...progress.boot, state, updatedAt: now }, lastEvent: event }, event }
}

function stateAfter(boot: Boot, seen: Observation): Boot['state'] {
  if (boot.state === 'ended') return 'ended'
  if (seen.outcome === 'failed') return seen.fatal === true ? 'failed' : boot.state
  if (seen.step === 'up' && seen.outcome === 'ok') return 'running'
  if (boot.state === 'running') return 'running'
  // A machine that failed and goes on all the same, at the operator's hand or by trying again, is booting. What it does
  // before its script, like fetching what restarts it, is not going on.
  return boot.state === 'failed' && order(seen.step) < order('script') ? 'failed' : 'booting'
}

function eventOf(boot: Boot, seen: Observation, at: number, bytesPerSecond?: number): BootEvent {
  const { step, outcome, detail, doneBytes, totalBytes } = seen
  return { bootId: boot.id, mac: boot.mac, at, step, outcome, detail, doneBytes, totalBytes, bytesPerSecond }
}

/** Of a machine that tells itself how far it is. */
function rateSince(last: BootEvent | undefined, { step, doneBytes }: Observation, now: number): number | undefined {
  if (last?.step !== step || last.doneBytes === undefined || doneBytes === undefined) return undefined
  const [bytes, ms] = [doneBytes - last.doneBytes, now - last.at]
  return bytes > 0 && ms > 0 ? Math.round((bytes * 1000) / ms) : undefined
}

function isRepeat(last: BootEvent | undefined, event: BootEvent): boolean {
  return (
    last !== undefined &&
    last.step === event.step &&
    last.outcome === event.outcome &&
    last.detail === event.detail &&
    last.doneBytes === event.doneBytes
  )
}

function order(step: Step): number {
  return STEPS.indexOf(step)
}

function inWords(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
