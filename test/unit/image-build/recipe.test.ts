import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { RecipeError } from '../../../server/image-build/errors.ts'
import { loadRecipe, parseRecipe } from '../../../server/image-build/recipe.ts'

const SMALL = 'name: small\nsuite: bookworm\nkernel: linux-image-cloud-amd64\n'
const root = path.join(import.meta.dirname, '../../..')

function mistakes(text: string): string[] {
  try {
    parseRecipe(text, 'test')
    return []
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
}

t.test('a small recipe gets its defaults', async (t) => {
  const recipe = parseRecipe(SMALL, 'small')
  t.match(recipe, {
    components: ['main'],
    packages: [],
    documentation: false,
    hostname: 'debian',
    initramfs: { modules: 'netboot', compression: 'zstd' },
    squashfs: { compression: 'zstd', blockSizeKib: 128 }
  })
})

t.test('the recipes that we ship are right, and named as their folders', async (t) => {
  const files = globSync('images/*/recipe.yaml', { cwd: root })
  t.ok(files.length >= 3)
  for (const file of files) {
    const recipe = await loadRecipe(path.join(root, file))
    t.equal(recipe.name, path.basename(path.dirname(file)))
  }
})

t.test('no recipe that we ship holds a password', async (t) => {
  for (const file of globSync('images/*/recipe.yaml', { cwd: root })) {
    t.notMatch(readFileSync(path.join(root, file), 'utf8'), /passwordHash|chpasswd/, file)
  }
})

t.test('every mistake is reported, each with its path', async (t) => {
  const text = `name: Small
suite: bookworm
kernl: linux-image-amd64
packages: [ok, "not ok"]
files:
  - path: etc/motd
    mode: "777"
    text: hello
users:
  - name: guest
    passwordHash: secret
squashfs: { compression: rar }
`
  const found = mistakes(text)
  for (const at of [
    'name',
    'kernel',
    'kernl',
    'packages[1]',
    'files[0].path',
    'files[0].mode',
    'squashfs.compression'
  ]) {
    t.ok(
      found.some((line) => line.startsWith(`${at}: `)),
      `${at} in ${found.join(' | ')}`
    )
  }
  t.ok(found.some((line) => line.startsWith('users[0].passwordHash')))
})

t.test('rules that no schema can say', async (t) => {
  t.same(mistakes(`${SMALL}files:\n  - path: /etc/motd\n`), ['files[0]: needs either text or source'])
  t.same(mistakes(`${SMALL}files:\n  - path: /etc/motd\n    text: a\n    source: b\n`), [
    'files[0]: needs either text or source'
  ])
  t.same(mistakes(`${SMALL}autologin: { serial: nobody-here }\n`), [
    "autologin.serial: nobody-here is none of the recipe's users"
  ])
  t.same(mistakes(`${SMALL}autologin: { serial: root }\n`), [])
})

t.test('a path cannot leave the root, nor an argument hold a space', async (t) => {
  t.match(mistakes(`${SMALL}files:\n  - path: /etc/../../x\n    text: a\n`), [/^files\[0\]\.path: /])
  t.match(mistakes(`${SMALL}arguments: ["quiet init=/bin/sh"]\n`), [/^arguments\[0\]: /])
})

t.test('text that is no YAML is refused in words', async (t) => {
  t.match(mistakes('name: [x'), [/^: /])
  await t.rejects(loadRecipe('/nowhere/recipe.yaml'), { code: 'RECIPE_NOT_FOUND' })
})
