// The fuzzer itself: it finds the bugs that were put in for it, and says with which input.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { instrumented } from '../fuzz/engine/instrument.ts'
import { fuzz } from '../fuzz/engine/supervisor.ts'

const FIXTURES = pathToFileURL(path.join(import.meta.dirname, '../fixtures/fuzz/')).href
const MODULE = `${FIXTURES}planted.ts`
const HANG_MS = 3000

const find = (target: string, seconds: number) =>
  fuzz({ module: MODULE, target, seed: 1, seconds, keepsCorpus: false, mostFailures: 1 }, [FIXTURES], HANG_MS)

t.test('a condition behind three others, and the shortest input that meets it', async (t) => {
  const { failures } = await find('deep', 60)
  t.equal(failures.length, 1)
  t.match(failures[0]?.error, /TypeError: found/)
  t.same(Buffer.from(failures[0]?.input ?? []), Buffer.from('RC\xa0\x01boom', 'latin1'))
})

t.test('an endless loop, by the work that it does', async (t) => {
  const { failures } = await find('endless', 60)
  t.match(failures[0]?.error, /TooMuchWork/)
  t.same(Buffer.from(failures[0]?.input ?? []), Buffer.of(0))
})

t.test('a hang that takes no branch, by the clock', async (t) => {
  const { failures } = await find('stuck', 60)
  t.match(failures[0]?.error, /longer than 3 s/)
  t.ok(failures[0]?.input.includes(9))
})

t.test('memory that is never given back', async (t) => {
  const { failures } = await find('greedy', 60)
  t.match(failures[0]?.error, /memory/i)
})

t.test('nothing, where there is nothing', async (t) => {
  const { failures, inputs } = await find('harmless', 1)
  t.same(failures, [])
  t.ok(inputs > 100)
})

t.test('instrumented code does what it did before', async (t) => {
  const code = `
    let log = []
    const say = (word) => { log.push(word); return word }
    const arrow = (a, b = say('default')) => ({ a, b })
    if (arrow(1).b === 'default') say('then'); else say('else')
    for (const x of [1, 2]) if (x > 1) say(x); else if (x < 1) say('less')
    let n = 0
    do n++; while (n < 3)
    switch (n) { case 3: case 4: say('three'); default: say('through') }
    try { throw new Error('thrown') } catch { say('caught') }
    const chosen = n > 5 ? say('more') : (null ?? say('fewer')) && !say('')
    log.push(chosen, n)
    log`
  let probes = 0
  const words = new Set<string | number>()
  const changed = instrumented(code, () => probes++, words)
  const run = (source: string) => new Function('__hit', source.replace(/log$/, 'return log'))
  const hits: number[] = []
  t.same(
    run(changed)((probe: number) => hits.push(probe)),
    run(code)()
  )
  t.ok(hits.length > 10 && new Set(hits).size < probes, 'branches report, and those not taken do not')
  t.ok(words.has('default') && words.has(5), 'and what the code compares with is known')
})
