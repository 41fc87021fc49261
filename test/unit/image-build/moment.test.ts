import { utimesSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { newestBefore } from '../../../server/image-build/moment.ts'

t.test('the newest packaged file counts; what the build wrote and directories do not', async (t) => {
  const dir = t.testdir({
    begun: '',
    tree: { old: '', usr: { newest: '' }, written: '', link: t.fixture('symlink', 'old') }
  })
  const at = (name: string, seconds: number) => utimesSync(path.join(dir, name), seconds, seconds)
  at('begun', 1_790_000_000)
  at('tree/old', 1_600_000_000)
  at('tree/usr/newest', 1_700_000_000.5)
  at('tree/written', 1_790_000_001)
  t.equal(await newestBefore(path.join(dir, 'tree'), path.join(dir, 'begun')), 1_700_000_001)
})
