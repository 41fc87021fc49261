// The shape of the house: a test for each file of the inner rings, no test without its file, no import pointing outwards unseen.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const files = (pattern: string) => globSync(pattern, { cwd: root }).sort()

/** Files that hold types or tables alone: nothing in them can run wrong. */
function isDeclarative(file: string): boolean {
  const code = readFileSync(join(root, file), 'utf8')
  return !/\bfunction\b|=>|\bclass\b/.test(
    code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').replaceAll(/\([^()]*\) => [A-Z]\w+/g, '')
  )
}

t.test('each file of the two inner rings has its test, at the mirrored place', async (t) => {
  const missing = files('server/{wire,net,dhcp,dhcp6,tftp,boot,image}/**/*.ts')
    .filter((file) => !isDeclarative(file))
    .map((file) => file.replace('server/', 'test/unit/').replace(/\.ts$/, '.test.ts'))
    .filter((test) => files(test).length === 0)
  t.same(missing, [])
})

t.test('each unit test stands beside a file that exists', async (t) => {
  const orphans = files('test/unit/**/*.test.ts')
    .filter((test) => !['test/unit/house.test.ts', 'test/unit/requirements.test.ts'].includes(test))
    .map((test) => test.replace('test/unit/', 'server/').replace(/\.test\.ts$/, '.ts'))
    .filter((file) => files(file).length === 0)
  t.same(orphans, [])
})

const PROTOCOLS = ['server/dhcp/', 'server/dhcp6/', 'server/tftp/', 'server/http/', 'server/nbd/']

t.test('protocols never import one another', async (t) => {
  const strays = PROTOCOLS.flatMap((own) =>
    files(`${own}**/*.ts`).flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/from '(\.[^']+)'/g)]
        .map((found) => normalize(join(dirname(file), found[1] ?? '')))
        .filter((target) => PROTOCOLS.some((other) => other !== own && target.startsWith(other)))
        .map((target) => `${file} imports ${target}`)
    )
  )
  t.same(strays, [])
})

t.test('node:http comes in by one door: as an ES module it brings 12 MB along', async (t) => {
  const strays = files('server/**/*.ts').filter((file) =>
    / from 'node:http'/.test(readFileSync(join(root, file), 'utf8'))
  )
  t.same(strays, [])
})
