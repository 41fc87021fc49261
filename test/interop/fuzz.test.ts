// New inputs for everything that takes bytes from strangers: half a minute of them, other ones each time.
import { randomInt } from 'node:crypto'
import t from 'tap'
import { writeFailure } from '../fuzz/engine/corpus.ts'
import { fuzz } from '../fuzz/engine/supervisor.ts'
import { targetModules } from '../fuzz/targets.ts'

const SECONDS = 30

t.test('only counted drops and typed errors', { timeout: 240_000 }, async (t) => {
  const modules = await targetModules()
  const seed = randomInt(2 ** 31)
  for (const { module, target } of modules) {
    const job = { module, target, seed, seconds: SECONDS / modules.length, keepsCorpus: false, mostFailures: 1 }
    const { inputs, corpus, failures } = await fuzz(job)
    const again = `node test/fuzz/main.ts ${target} --seed ${seed}`
    t.ok(inputs > 10 && corpus > 1, `${target}: ${inputs} inputs`)
    t.same(
      failures.map(({ input, error }) => `${writeFailure(target, input)} (${again}): ${error}`),
      []
    )
  }
})
