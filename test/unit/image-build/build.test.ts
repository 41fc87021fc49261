import { readdirSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { buildImage, HOOKS_DIR, whatIsMade } from '../../../server/image-build/build.ts'
import { cacheKey } from '../../../server/image-build/cache.ts'
import type { BuildProgress } from '../../../server/image-build/progress.ts'
import { loadRecipe } from '../../../server/image-build/recipe.ts'
import { writeManifest } from '../../../server/image-build/result.ts'

const RECIPE = 'name: a\nsuite: bookworm\nkernel: linux-image-cloud-amd64\npackages: [less, busybox]\n'

t.test('a build that is there already, of the same recipe, is used again', async (t) => {
  const dir = t.testdir({ 'recipe.yaml': RECIPE, out: { kernel: 'k', initrd: 'i', 'root.squashfs': 'r' } })
  const recipePath = path.join(dir, 'recipe.yaml')
  const recipe = await loadRecipe(recipePath)
  const key = await cacheKey(recipe, dir, HOOKS_DIR, whatIsMade(recipe))
  await writeManifest(path.join(dir, 'out'), { key, name: 'a', arguments: ['quiet'], packages: [] })
  const told: BuildProgress[] = []
  const built = await buildImage({ recipePath, outDir: path.join(dir, 'out'), onProgress: (p) => told.push(p) })
  t.match(built, { cached: true, name: 'a', arguments: ['quiet'], root: path.join(dir, 'out/root.squashfs') })
  t.match(told, [{ phase: 'cached', percent: 100 }])
})

t.test('an aborted build says so and leaves nothing behind', async (t) => {
  const dir = t.testdir({ 'recipe.yaml': RECIPE })
  const reason = new Error('the operator had enough')
  const outDir = path.join(dir, 'out')
  const building = buildImage({ recipePath: path.join(dir, 'recipe.yaml'), outDir, signal: AbortSignal.abort(reason) })
  await t.rejects(building, process.getuid?.() === 0 ? reason : { code: 'NOT_ROOT' })
  t.same(readdirSync(dir), ['recipe.yaml'])
})

t.test('a recipe that is wrong fails before anything is made', async (t) => {
  const dir = t.testdir({ 'recipe.yaml': 'name: a\n' })
  const building = buildImage({ recipePath: path.join(dir, 'recipe.yaml'), outDir: path.join(dir, 'out') })
  await t.rejects(building, { code: 'RECIPE_INVALID' })
  t.same(readdirSync(dir), ['recipe.yaml'])
})
