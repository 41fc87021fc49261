import { readdirSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { makeWorkDir } from '../../../server/image-build/work-dir.ts'

t.test('it is beside what it will become, whose parent need not exist yet', async (t) => {
  const outDir = path.join(t.testdir(), 'cache/small')
  const work = await makeWorkDir(outDir)
  t.equal(path.dirname(work), path.dirname(outDir))
  t.not(await makeWorkDir(outDir), work)
})

t.test('what a killed build left is removed, what a living one has is not', async (t) => {
  const living = `out.building-${process.pid}-abc`
  const dir = t.testdir({ 'out.building-4194999-xyz': { tree: {} }, [living]: {}, 'out.other': {} })
  const work = await makeWorkDir(path.join(dir, 'out'))
  t.same(readdirSync(dir).toSorted(), [living, path.basename(work), 'out.other'].toSorted())
})
