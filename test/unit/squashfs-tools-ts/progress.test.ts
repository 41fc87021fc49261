import t from 'tap'
import { type Progress, progressReader } from '../../../server/squashfs-tools-ts/progress.ts'

function read(...chunks: readonly string[]): Progress[] {
  const seen: Progress[] = []
  const reader = progressReader((progress) => seen.push(progress))
  for (const chunk of chunks) reader(Buffer.from(chunk))
  return seen
}

t.test('each move of the bar once', async (t) => {
  t.same(read('\r[==|      ]  40/160  25%', '\r[==/      ]  40/160  25%', '\r[========|] 160/160 100%\n'), [
    { done: 40, total: 160, percent: 25 },
    { done: 160, total: 160, percent: 100 }
  ])
})

t.test('cut anywhere', async (t) => {
  const bar = '\r[==|      ]  40/160  25%'
  for (let at = 1; at < bar.length; at++) {
    t.same(read(bar.slice(0, at), bar.slice(at)), [{ done: 40, total: 160, percent: 25 }], `at ${at}`)
  }
})

t.test('other words are no progress', async (t) => {
  t.same(read('Parallel mksquashfs: Using 2 processors\n', 'Creating 4.0 filesystem on x, block size 131072.\n'), [])
})
