// Every input that ever showed something, once more: bugs that were mended stay mended.
import t from 'tap'
import { readCorpus, writeFailure } from '../fuzz/engine/corpus.ts'
import { fuzz } from '../fuzz/engine/supervisor.ts'
import { targetModules } from '../fuzz/targets.ts'

t.test('the corpus of each target', async (t) => {
  for (const { module, target } of await targetModules()) {
    const { failures, inputs } = await fuzz({
      ...{ module, target, seed: 1, seconds: 0, keepsCorpus: false, mostFailures: Number.POSITIVE_INFINITY }
    })
    const kept = readCorpus(target).length
    t.ok(kept > 0 && inputs >= kept, `${target}: ${inputs} inputs, ${kept} of them from the corpus`)
    t.same(
      failures.map(({ input, error }) => `${writeFailure(target, input)}: ${error}`),
      []
    )
  }
})
