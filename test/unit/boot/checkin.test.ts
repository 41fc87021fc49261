import t from 'tap'
import { MalformedCheckIn, parseCheckIn } from '../../../server/boot/checkin.ts'

t.test('a first line alone', async (t) => {
  t.match(parseCheckIn('up ok'), { step: 'up', outcome: 'ok', detail: '', doneBytes: undefined, fatal: false })
})

t.test('bytes and detail', async (t) => {
  t.match(parseCheckIn('layers progress 1024 4096\nlayer 1 of 2\r\nat 12 MB/s\n'), {
    step: 'layers',
    outcome: 'progress',
    doneBytes: 1024,
    totalBytes: 4096,
    detail: 'layer 1 of 2\nat 12 MB/s'
  })
})

t.test('a step that failed is the end of the attempt', async (t) => {
  t.match(parseCheckIn('verify failed\nlayer 1: sha256 differs'), { fatal: true, detail: 'layer 1: sha256 differs' })
})

t.test('a log may hold what moves a cursor; the journal does not', async (t) => {
  t.equal(parseCheckIn('mount failed\na\x1b[2J\tb\0c').detail, 'a [2J b c')
})

t.test('more than 8 KiB of detail is cut', async (t) => {
  t.equal(parseCheckIn(`up ok\n${'x'.repeat(20_000)}`).detail.length, 256 + 8192 - 'up ok\n'.length)
})

for (const body of [
  '',
  'up',
  'nap ok',
  'up fine',
  'up ok 5',
  'up ok 5 x',
  'up ok -1 5',
  'up ok 1 2 3',
  'up ok 1e3 5'
]) {
  t.test(`malformed: ${JSON.stringify(body)}`, async (t) => {
    t.throws(() => parseCheckIn(body), MalformedCheckIn)
  })
}
