import t from 'tap'
import type { Boot, Step } from '../../../server/boot/model.ts'
import {
  end,
  hear,
  type Observation,
  type OpeningStep,
  observe,
  open,
  opensBoot,
  type Progress,
  resume,
  silence,
  supersede
} from '../../../server/boot/progress.ts'
import { MAC } from '../../fakes/boot-world.ts'

const LIMITS = { bootingMs: 600_000, runningMs: 7 * 86_400_000 }

const BOOT: Boot = {
  id: 'abcdefgh12345678',
  mac: MAC,
  address: undefined,
  host: 'pc-07',
  arch: 'x86-bios',
  state: 'booting',
  image: undefined,
  version: undefined,
  startedAt: 1000,
  updatedAt: 1000
}

function at(reached: Step, state: Boot['state'] = 'booting'): Progress {
  return { boot: { ...BOOT, state }, reached, reachedAt: 1000, heardAt: 1000, lastEvent: undefined }
}

function seen(step: Step, outcome: Observation['outcome'] = 'ok', more: Partial<Observation> = {}): Observation {
  return { step, outcome, detail: '', ...more }
}

const OPENINGS: Record<string, [current: Progress | undefined, step: OpeningStep, opens: boolean]> = {
  'a machine never seen begins a boot': [undefined, 'dhcp', true],
  'a DISCOVER repeated is the same boot': [at('dhcp'), 'dhcp', false],
  'iPXE goes on with what the firmware began': [at('loader'), 'ipxe-dhcp', false],
  'a script goes on': [at('ipxe-dhcp'), 'script', false],
  'firmware after a script is another boot': [at('script'), 'dhcp', true],
  'firmware after the loader came is another boot': [at('loader'), 'dhcp', true],
  'a script asked for again is the same boot': [at('script'), 'script', false],
  'a script after the kernel came is another boot': [at('kernel'), 'script', true],
  'a machine that runs and asks again has begun another boot': [at('up', 'running'), 'dhcp', true],
  'a refused machine that asks again goes on': [at('script', 'failed'), 'script', false],
  'an ended boot never goes on': [at('dhcp', 'ended'), 'script', true]
}

for (const [sentence, [current, step, opens]] of Object.entries(OPENINGS)) {
  t.test(sentence, async (t) => t.equal(opensBoot(current, step, 2000, LIMITS), opens))
}

t.test('a machine that tells how far it is tells how fast', async (t) => {
  const first = observe(at('network'), seen('layers', 'progress', { doneBytes: 100, totalBytes: 900 }), 2000)
  t.equal(first.event?.bytesPerSecond, undefined)
  const second = observe(first.progress, seen('layers', 'progress', { doneBytes: 400, totalBytes: 900 }), 4000)
  t.equal(second.event?.bytesPerSecond, 150)
  const jumpedBack = observe(second.progress, seen('layers', 'progress', { doneBytes: 500, totalBytes: 900 }), 3000)
  t.equal(jumpedBack.event?.bytesPerSecond, undefined)
  const anew = observe(second.progress, seen('layers', 'progress', { doneBytes: 10, totalBytes: 900 }), 5000)
  t.equal(anew.event?.bytesPerSecond, undefined)
})

t.test('a server that sends knows itself how fast', async (t) => {
  const { event } = observe(
    at('script'),
    seen('kernel', 'ok', { doneBytes: 9, totalBytes: 9, bytesPerSecond: 3 }),
    2000
  )
  t.equal(event?.bytesPerSecond, 3)
})

t.test('the same step after a long silence is another boot', async (t) => {
  t.equal(opensBoot(at('script'), 'script', 1000 + 600_000, LIMITS), true)
})

t.test('a boot reaches the furthest step, and is never less far', async (t) => {
  const there = observe(open(BOOT, 'dhcp'), seen('initrd'), 2000).progress
  t.match(there, { reached: 'initrd', heardAt: 2000, boot: { state: 'booting', updatedAt: 2000 } })
  t.equal(observe(there, seen('kernel'), 3000).progress.reached, 'initrd')
})

t.test('an event says what was seen', async (t) => {
  const progress = { doneBytes: 5, totalBytes: 9 }
  t.same(observe(at('kernel'), seen('layers', 'progress', { detail: 'two layers', ...progress }), 2000).event, {
    bootId: BOOT.id,
    mac: MAC,
    at: 2000,
    step: 'layers',
    outcome: 'progress',
    detail: 'two layers',
    ...progress
  })
})

t.test('a repeat is a sign of life and no event', async (t) => {
  const once = observe(at('dhcp'), seen('dhcp', 'started'), 2000)
  t.ok(once.event)
  const twice = observe(once.progress, seen('dhcp', 'started'), 3000)
  t.equal(twice.event, undefined)
  t.equal(twice.progress.heardAt, 3000)
})

t.test('states', async (t) => {
  const cases: Record<string, [from: Progress, what: Observation, state: Boot['state']]> = {
    'the check-in of the booted system makes it run': [at('handover'), seen('up'), 'running'],
    'a fatal failure ends the attempt': [at('layers'), seen('verify', 'failed', { fatal: true }), 'failed'],
    'a transfer that failed may be tried again': [at('kernel'), seen('kernel', 'failed'), 'booting'],
    'a failed boot that goes on is booting again': [at('verify', 'failed'), seen('layers', 'started'), 'booting'],
    'fetching what restarts it does not make it boot': [at('script', 'failed'), seen('loader'), 'failed'],
    'a script that is no longer refused does': [at('script', 'failed'), seen('script'), 'booting'],
    'what a running system says does not make it boot': [at('up', 'running'), seen('up', 'started'), 'running'],
    'nothing wakes a boot that is over': [at('up', 'ended'), seen('up'), 'ended']
  }
  for (const [sentence, [from, what, state]] of Object.entries(cases)) {
    t.equal(observe(from, what, 2000).progress.boot.state, state, sentence)
  }
})

t.test('a machine that starts again ends what ran, and fails what did not', async (t) => {
  t.match(supersede(at('up', 'running'), 2000), { progress: { boot: { state: 'ended' } }, event: { outcome: 'ok' } })
  t.match(supersede(at('kernel'), 2000), {
    progress: { boot: { state: 'failed' } },
    event: { step: 'kernel', outcome: 'failed', detail: 'the machine started again; the last step was kernel' }
  })
  t.equal(supersede(at('kernel', 'failed'), 2000).event, undefined, 'once failed is enough')
})

t.test('a boot ends in good order once', async (t) => {
  const over = end(at('up', 'running'), 'the machine gave its address back', 2000)
  t.match(over, { progress: { boot: { state: 'ended' } }, event: { detail: 'the machine gave its address back' } })
  t.equal(end(over.progress, 'again', 3000).event, undefined)
})

t.test('silence', async (t) => {
  t.equal(silence(at('kernel'), 1000 + 599_999, LIMITS), undefined, 'ten minutes are not over')
  t.match(silence(at('kernel'), 1000 + 600_000, LIMITS), {
    progress: { boot: { state: 'failed' } },
    event: { step: 'kernel', outcome: 'failed', detail: 'nothing heard for 10 minutes; the last step was kernel' }
  })
  t.equal(silence(at('up', 'running'), 1000 + 86_400_000, LIMITS), undefined, 'a system may run for days')
  t.match(silence(at('up', 'running'), 1000 + LIMITS.runningMs, LIMITS), {
    progress: { boot: { state: 'ended' } },
    event: { outcome: 'ok', detail: 'nothing heard for 7 days' }
  })
  t.equal(silence(at('kernel', 'failed'), 1000 + LIMITS.runningMs, LIMITS), undefined, 'what is over stays so')
  t.equal(silence(hear(at('kernel'), 500_000), 1_000_000, LIMITS), undefined, 'a sign of life is heard')
})

t.test('a boot of an earlier run is taken up where it must at least have been', async (t) => {
  t.equal(resume(BOOT).reached, 'dhcp')
  t.equal(resume({ ...BOOT, image: 'lab', version: '1.0' }).reached, 'script')
  t.equal(resume({ ...BOOT, state: 'running', version: '1.0' }).reached, 'up')
})
