// What a build tells while it runs.

export type BuildPhase = 'index' | 'essential' | 'packages' | 'customize' | 'initramfs' | 'squashfs' | 'done' | 'cached'

export interface BuildProgress {
  readonly phase: BuildPhase
  /** Of the whole build, 0 to 100, never falling. */
  readonly percent: number
  /** One line for a person. */
  readonly words: string
}

/** Where each phase begins, in percent of a build's time as measured; it ends where the next one begins. */
const BEGINS: Readonly<Record<BuildPhase, number>> = {
  index: 0,
  essential: 5,
  packages: 30,
  customize: 75,
  initramfs: 78,
  squashfs: 85,
  done: 100,
  cached: 100
}
const ORDER: readonly BuildPhase[] = ['index', 'essential', 'packages', 'customize', 'initramfs', 'squashfs', 'done']

/** Pure: how far the whole is when `share` (0 to 1) of this phase is done. */
export function overall(phase: BuildPhase, share: number): number {
  if (phase === 'cached') return BEGINS.cached
  const begin = BEGINS[phase]
  const end = BEGINS[ORDER[ORDER.indexOf(phase) + 1] ?? 'done']
  return Math.round(begin + (end - begin) * Math.min(1, Math.max(0, share)))
}

/** Takes mmdebstrap's --verbose output and that of our own script, a line at a time. */
export function packageProgress(report: (progress: BuildProgress) => void): (line: string) => void {
  let phase: BuildPhase = 'index'
  let packages = 0
  let steps = 0
  const begin = (next: BuildPhase, words: string) => {
    phase = next
    packages = 0
    steps = 0
    report({ phase, percent: overall(phase, 0), words })
  }
  return (line) => {
    const [, said] = /^I: (.*)$/.exec(line) ?? []
    if (said?.startsWith('running apt-get update')) return begin('index', 'reading the package lists')
    if (said?.startsWith('downloading packages')) return begin('essential', 'fetching the essential packages')
    if (said?.startsWith('installing remaining')) return begin('packages', 'fetching the packages')
    if (said?.startsWith('rootcast initramfs')) return begin('initramfs', 'making the initramfs')
    if (said?.startsWith('rootcast customize')) return begin('customize', 'putting files and settings in place')
    const [, count] = /(\d+) newly installed/.exec(line) ?? []
    if (count) packages = Number(count)
    const [, what, name] = /^(Get:\d+|Unpacking|Setting up) (?:\S+:\/\/\S+ \S+ \S+ )?(\S+)/.exec(line) ?? []
    if (!what || !name || packages === 0) return
    steps++
    const verb = what === 'Unpacking' ? 'unpacking' : what === 'Setting up' ? 'setting up' : 'fetching'
    report({ phase, percent: overall(phase, steps / (3 * packages)), words: `${verb} ${name}` })
  }
}
