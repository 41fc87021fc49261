import t from 'tap'
import * as v from 'valibot'
import { closedObject, decode, integer, oneOf, openObject, parsed } from '../../server/decode.ts'

const even = v.pipe(
  integer(0, 100),
  v.check((value) => value % 2 === 0, 'must be even')
)
const machine = closedObject({
  name: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4)),
  address: parsed('a number in hex', (value) => (/^[0-9a-f]+$/.test(value) ? Number.parseInt(value, 16) : undefined)),
  ports: v.optional(v.array(even), []),
  limits: v.optional(closedObject({ each: v.optional(even, 2) }), {}),
  kind: v.exactOptional(oneOf('real', 'virtual'))
})

function mistakesOf(schema: v.GenericSchema, value: unknown): readonly string[] {
  const { value: decoded, mistakes } = decode(schema, value)
  if (mistakes.length > 0) t.equal(decoded, undefined)
  return mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

t.test('what is right is decoded; what is left out takes its default, or stays out', async (t) => {
  t.strictSame(decode(machine, { name: 'pc', address: 'ff', ports: [] }).value, {
    name: 'pc',
    address: 255,
    ports: [],
    limits: { each: 2 }
  })
  t.equal(decode(machine, { name: 'pc', address: '0', ports: [], kind: 'real' }).value?.kind, 'real')
})

t.test('every mistake is told at once, with its place', async (t) => {
  const given = { nmae: 'pc', adress: 1, address: 'xyz', ports: [2, 3, 'four'], limits: { each: 102 } }
  t.strictSame(mistakesOf(machine, given), [
    'nmae: unknown key; known here: name, address, ports, limits, kind',
    'adress: unknown key; known here: name, address, ports, limits, kind',
    'name: is missing',
    'address: must be a number in hex',
    'ports.1: must be even',
    'ports.2: must be integer',
    'limits.each: must be <= 100'
  ])
})

const refused: readonly (readonly [v.GenericSchema, unknown, string])[] = [
  [machine, [], ': must be object'],
  [machine, null, ': must be object'],
  [openObject({}), [], ': must be object'],
  [v.boolean(), 'yes', ': must be boolean'],
  [integer(1, 9), 0, ': must be >= 1'],
  [integer(1, 9), 0.5, ': must be integer'],
  [v.pipe(v.string(), v.nonEmpty()), '', ': must not be empty'],
  [v.pipe(v.string(), v.maxLength(2)), 'abc', ': must have at most 2 characters'],
  [v.pipe(v.string(), v.regex(/^a+$/)), 'b', ': must match ^a+$'],
  [v.pipe(v.string(), v.regex(/^a+$/, 'must be full of a')), 'b', ': must be full of a'],
  [oneOf(2), 3, ': must be one of 2'],
  [v.array(v.string()), 'a', ': must be array'],
  [v.record(v.string(), v.string()), { a: 'x', b: 7 }, 'b: must be string']
]
for (const [schema, value, mistake] of refused) {
  t.test(`${JSON.stringify(value)}${mistake}`, async (t) => t.strictSame(mistakesOf(schema, value), [mistake]))
}

t.test('other keys may be in an open object', async (t) => {
  const schema = openObject({ size: integer(0, 10), more: v.exactOptional(v.string()) })
  t.strictSame(decode(schema, { first: 1, size: 2, last: [3] }).value, { first: 1, size: 2, last: [3] })
  t.strictSame(mistakesOf(schema, { first: 1 }), ['size: is missing'])
})

t.test('names that every object has are unknown keys like any other', async (t) => {
  const given: unknown = JSON.parse('{"__proto__": "x", "constructor": "y"}')
  t.strictSame(mistakesOf(closedObject({}), given).length, 2)
})
