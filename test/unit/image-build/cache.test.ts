import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { cacheKey, canonical } from '../../../server/image-build/cache.ts'
import { parseRecipe } from '../../../server/image-build/recipe.ts'

const HEAD = 'suite: bookworm\nkernel: linux-image-amd64\n'

t.test('the key follows content, not wording', async (t) => {
  const dir = t.testdir({ recipe: { motd: 'hello' }, hooks: { scripts: { overlay: 'x' } } })
  const [recipes, hooks] = [path.join(dir, 'recipe'), path.join(dir, 'hooks')]
  const files = 'files: [{ path: /etc/motd, source: motd }]\n'
  const recipe = parseRecipe(`name: a\n${HEAD}${files}`, 'a')
  const key = await cacheKey(recipe, recipes, hooks, 'made')

  const reworded = parseRecipe(`# a comment\n${files}${HEAD}name: a\n`, 'a')
  t.equal(await cacheKey(reworded, recipes, hooks, 'made'), key)
  t.not(await cacheKey({ ...recipe, hostname: 'other' }, recipes, hooks, 'made'), key)
  t.not(await cacheKey(recipe, recipes, hooks, 'made otherwise'), key)

  writeFileSync(path.join(recipes, 'motd'), 'hello!')
  const withFile = await cacheKey(recipe, recipes, hooks, 'made')
  t.not(withFile, key)
  writeFileSync(path.join(hooks, 'scripts/overlay'), 'y')
  t.not(await cacheKey(recipe, recipes, hooks, 'made'), withFile)
})

t.test('a source that is not there is an error, not an absence', async (t) => {
  const dir = t.testdir({ hooks: {} })
  const recipe = parseRecipe(`name: a\n${HEAD}files: [{ path: /x, source: nowhere }]\n`, 'a')
  await t.rejects(cacheKey(recipe, dir, path.join(dir, 'hooks'), ''), { code: 'ENOENT' })
})

t.test('canonical JSON has its keys in order, at every depth', async (t) => {
  t.equal(canonical({ b: [{ d: 1, c: 2 }], a: undefined }), '{"b":[{"c":2,"d":1}]}')
})
