import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { OpenFiles } from '../../../server/http/open-files.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { eventually } from '../../support/netns.ts'

function setUp(t: Test) {
  const path = join(t.testdir({ blob: 'bytes' }), 'blob')
  const clock = new FakeClock()
  return { path, clock, files: new OpenFiles(clock) }
}

function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // the directory's own
    }
  }).length
}

t.test('a hundred readers share one descriptor', async (t) => {
  const { path, clock, files } = setUp(t)
  const handles = await Promise.all(Array.from({ length: 100 }, () => files.open(path)))
  t.equal(new Set(handles).size, 1)
  t.equal(descriptorsOf(path), 1)
  for (const _ of handles) files.close(path)
  clock.advance(900)
  t.equal(await files.open(path), handles[0], 'kept for who comes soon')
  clock.advance(10_000)
  t.equal(descriptorsOf(path), 1, 'while it is read')
  files.close(path)
  clock.advance(2_000)
  await eventually('closed', () => (descriptorsOf(path) === 0 ? true : undefined))
  t.not(await files.open(path), handles[0])
  files.close(path)
  await files.closeIdle()
  t.equal(descriptorsOf(path), 0)
})

t.test('a file that can not be opened is tried again', async (t) => {
  const { path, files } = setUp(t)
  await t.rejects(async () => files.open(`${path}.lost`), { code: 'ENOENT' })
  await t.rejects(Promise.all([files.open(`${path}.lost`), files.open(`${path}.lost`)]), { code: 'ENOENT' })
})
