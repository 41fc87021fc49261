import t from 'tap'
import type { Boot } from '../../../server/boot/model.ts'
import { type Observation, observe, open, type Progress } from '../../../server/boot/progress.ts'
import { BootMetrics } from '../../../server/metrics/boots.ts'
import { reading } from '../../support/metrics.ts'

const BOOT: Boot = {
  id: 'abc',
  mac: '52:54:00:00:00:01',
  address: undefined,
  host: undefined,
  arch: 'x86-bios',
  state: 'booting',
  image: undefined,
  version: undefined,
  startedAt: 1000,
  updatedAt: 1000
}
const NONE = { booting: 0, running: 0, failed: 0 }

function boot(metrics: BootMetrics, seen: readonly [at: number, what: Observation][]): void {
  let progress: Progress = open(BOOT, 'dhcp')
  metrics.advance(undefined, progress)
  for (const [at, what] of seen) {
    const next = observe(progress, what, at).progress
    metrics.advance(progress, next)
    progress = next
  }
}

const step = (name: Observation['step'], more: Partial<Observation> = {}): Observation => ({
  step: name,
  outcome: 'ok',
  detail: '',
  ...more
})

t.test('a boot that comes up: how long it took, and each of its steps', async (t) => {
  const metrics = new BootMetrics()
  boot(metrics, [
    [2000, step('dhcp')],
    [3000, step('loader', { outcome: 'started' })],
    [7000, step('loader')],
    [8000, step('script')],
    [21_000, step('up')],
    [22_000, step('up', { detail: 'again' })]
  ])
  const value = reading(metrics.collect({ ...NONE, running: 1 }))
  t.equal(value('rootcast_boots_started_total'), 1)
  t.equal(value('rootcast_boots_total{outcome="up"}'), 1)
  t.equal(value('rootcast_boots_total{outcome="failed"}'), 0)
  t.equal(value('rootcast_machines{state="running"}'), 1)
  t.equal(value('rootcast_boot_seconds_sum'), 20)
  t.equal(value('rootcast_boot_seconds_count'), 1)
  t.equal(value('rootcast_boot_step_seconds_sum{step="dhcp"}'), 2)
  t.equal(value('rootcast_boot_step_seconds_sum{step="loader"}'), 5)
  t.equal(value('rootcast_boot_step_seconds_sum{step="script"}'), 13)
  t.equal(value('rootcast_boot_step_seconds_sum{step="kernel"}'), undefined)
})

t.test('a boot that fails, once; a clock that is set back makes no negative time', async (t) => {
  const metrics = new BootMetrics()
  boot(metrics, [
    [500, step('script', { outcome: 'failed', fatal: true })],
    [600, step('script', { outcome: 'failed', fatal: true, detail: 'again' })]
  ])
  const value = reading(metrics.collect(NONE))
  t.equal(value('rootcast_boots_total{outcome="failed"}'), 1)
  t.equal(value('rootcast_boot_step_seconds_sum{step="dhcp"}'), 0)
})
