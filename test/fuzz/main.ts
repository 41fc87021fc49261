// node test/fuzz/main.ts [target…] [--seconds N] [--seed N] [--keep]
import { parseArgs } from 'node:util'
import { writeFailure } from './engine/corpus.ts'
import { fuzz } from './engine/supervisor.ts'
import { targetModules } from './targets.ts'

const HELP = `Usage: node test/fuzz/main.ts [target…] [options]

Feeds the parsers and engines that take bytes from strangers with mutated input, led by branch coverage.

  --seconds <n>  for all of them together (default 30); 0 replays the corpus alone
  --seed <n>     the same seed and the same corpus make the same inputs
  --keep         replaces the corpus in test/fuzz/corpus by what this run knows, distilled

An input that fails is written to test/fuzz/failures; move it to the corpus of its target when the bug is mended.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

if (values.help) {
  console.log(HELP)
} else {
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const all = await targetModules()
  const chosen = all.filter(({ target }) => positionals.length === 0 || positionals.includes(target))
  if (chosen.length === 0) throw new Error(`the targets are: ${all.map(({ target }) => target).join(', ')}`)
  for (const { module, target } of chosen) {
    const began = performance.now()
    const report = await fuzz({
      module,
      target,
      seed,
      seconds: Number(values.seconds) / chosen.length,
      keepsCorpus: values.keep,
      mostFailures: 5
    })
    const { inputs, corpus, reached, branches, failures } = report
    const seconds = (performance.now() - began) / 1000
    console.log(
      `${target.padEnd(16)} ${inputs} inputs in ${seconds.toFixed(0)} s, ${reached} of ${branches} branches, ` +
        `corpus ${corpus}, seed ${seed}`
    )
    for (const { input, error } of failures) {
      console.log(`FAILED with ${writeFailure(target, input)}\n${error}`)
      process.exitCode = 1
    }
  }
}
