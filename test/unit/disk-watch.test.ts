import { readdirSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DiskWatch } from '../../server/disk-watch.ts'
import { FakeClock } from '../fakes/clock.ts'

t.test('a directory that can not be written to is told of once, and once more when it can', async (t) => {
  const directory = join(t.testdir({ state: {} }), 'state')
  const lines: string[] = []
  const note = (_facts: object, line: string) => lines.push(line)
  const clock = new FakeClock()
  const consequence = 'no new leases are given'
  const directories = [{ setting: 'stateDir', path: directory, consequence }]
  const watch = new DiskWatch({ directories, clock, log: { error: note, info: note } })
  t.same(watch.settings, ['stateDir'])

  await watch.look()
  t.same(lines, [])
  t.same(readdirSync(directory), [], 'the try leaves nothing behind')

  await rename(directory, `${directory}.away`)
  await watch.look()
  await watch.look()
  t.same(lines.splice(0), [`stateDir: ${directory} can't be written to (ENOENT): no new leases are given`])
  t.same([...watch.unwritable], [['stateDir', 'ENOENT']])

  await rename(`${directory}.away`, directory)
  await watch.look()
  t.same(lines.splice(0), [`stateDir: ${directory} can be written to again`])
  t.equal(watch.unwritable.size, 0)

  await rename(directory, `${directory}.away`)
  clock.advance(10_000)
  await watch.close()
  t.equal(lines.length, 1, 'it looks by itself, every ten seconds')
  clock.advance(60_000)
  await watch.close()
  t.equal(lines.length, 1, 'and not any more when it is closed')
})
