import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { runContained } from '../../../server/image-build/run.ts'

function running(word: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word)
    } catch {
      return false // ended meanwhile
    }
  })
}

t.test('lines of both outputs come as they are written, and the exit code at the end', async (t) => {
  const lines: string[] = []
  const ended = await runContained({
    tool: 'sh',
    args: ['-c', 'echo out; echo err >&2; exit 3'],
    onLine: (line) => lines.push(line)
  })
  t.equal(ended.exitCode, 3)
  t.same(lines.toSorted(), ['err', 'out'])
  t.match(ended.log, 'err')
})

t.test('when aborted, its children are gone with it', async (t) => {
  const controller = new AbortController()
  const begun = Promise.withResolvers<void>()
  const ran = runContained({
    tool: 'sh',
    args: ['-c', 'sleep 98.7654321 & echo begun; wait'],
    signal: controller.signal,
    onLine: () => begun.resolve()
  })
  await begun.promise
  // The shell has forked when it says so; its child may not have become `sleep` yet.
  for (let i = 0; i < 250 && !running('98.7654321'); i++) await wait(20)
  t.ok(running('98.7654321'))
  controller.abort(new Error('enough'))
  await t.rejects(ran, { message: 'enough' })
  for (let i = 0; i < 50 && running('98.7654321'); i++) await wait(20)
  t.notOk(running('98.7654321'))
})

t.test('what is mounted in it is mounted nowhere else', async (t) => {
  const dir = t.testdir()
  const ended = await runContained({ tool: 'mount', args: ['-t', 'tmpfs', 'contained', dir] })
  t.equal(ended.exitCode, 0)
  t.notMatch(readFileSync('/proc/self/mounts', 'utf8'), dir)
})
