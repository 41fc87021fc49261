// The table of docs/decisions/requirements.md against the titles of the tests.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const COUNTS = { T: 24, C: 12, D: 13, P: 11, H: 5 }
const ROW = /^\| ([TCDPH]\d+) \| (.+) \| (.+) \|$/gm
// A title, or the name of a case in a table of them: `T12: …`, `P1, P3c: …`.
const TITLE = /['"`]((?:[TCDPH]\d+[a-c]?(?:, )?)+): /g
const REASON = /^not covered: .{20}/

/** The numbers of each test file's titles. */
const numbersByFile = new Map(
  globSync('**/*.test.ts', { cwd: join(root, 'test') }).map((file) => {
    const titles = readFileSync(join(root, 'test', file), 'utf8').matchAll(TITLE)
    return [file, new Set([...titles].flatMap(([, numbers]) => numbers?.match(/[TCDPH]\d+/g) ?? []))] as const
  })
)
const rows = [...readFileSync(join(root, 'docs/decisions/requirements.md'), 'utf8').matchAll(ROW)]

t.test('each number stands there once, and no other', async (t) => {
  const numbers = Object.entries(COUNTS).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
  )
  t.same(
    rows.map(([, number]) => number),
    numbers
  )
  const known = new Set(numbers)
  const unknown = [...numbersByFile].flatMap(([file, found]) =>
    [...found].filter((number) => !known.has(number)).map((number) => `${file} names ${number}`)
  )
  t.same(unknown, [])
})

for (const [, number = '', , shown = ''] of rows) {
  t.test(`${number} is shown where the table says, or it says why not`, async (t) => {
    if (REASON.test(shown)) {
      const files = [...numbersByFile].filter(([, found]) => found.has(number)).map(([file]) => file)
      t.same(files, [], 'no test names it')
      return
    }
    const files = shown.split(', ').map((file) => /^`(.+)`$/.exec(file)?.[1] ?? file)
    for (const file of files) t.ok(numbersByFile.get(file)?.has(number), `${file} names ${number}`)
  })
}
