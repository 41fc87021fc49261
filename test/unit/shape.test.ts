import t from 'tap'
import {
  boolean,
  decode,
  integer,
  list,
  matching,
  object,
  oneOf,
  openObject,
  optional,
  parsed,
  record,
  refined,
  type Shape,
  text,
  withDefault
} from '../../server/shape.ts'

const even = refined(integer({ from: 0, to: 100 }), (value) => (value % 2 === 0 ? undefined : 'must be even'))
const machine = object({
  name: text({ shortest: 1, longest: 4 }),
  address: parsed('a number in hex', (value) => (/^[0-9a-f]+$/.test(value) ? Number.parseInt(value, 16) : undefined)),
  ports: withDefault(list(even), []),
  limits: withDefault(object({ each: withDefault(even, 2) }), {}),
  kind: optional(oneOf('real', 'virtual'))
})

function mistakesOf(shape: Shape<unknown>, value: unknown): readonly string[] {
  const { value: decoded, mistakes } = decode(shape, value)
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
  t.strictSame(mistakesOf(machine, { nmae: 'pc', address: 'xyz', ports: [2, 3, 'four'], limits: { each: 102 } }), [
    'nmae: unknown key; known here: name, address, ports, limits, kind',
    'name: is missing',
    'address: must be a number in hex',
    'ports.1: must be even',
    'ports.2: must be integer',
    'limits.each: must be <= 100'
  ])
})

const refused: readonly (readonly [Shape<unknown>, unknown, string])[] = [
  [machine, [], ': must be object'],
  [machine, null, ': must be object'],
  [boolean(), 'yes', ': must be boolean'],
  [integer({ from: 1, to: 9 }), 0, ': must be >= 1'],
  [integer({ from: 1, to: 9 }), 1.5, ': must be integer'],
  [text({ shortest: 1 }), '', ': must not be empty'],
  [text({ shortest: 2 }), 'a', ': must have at least 2 characters'],
  [text({ longest: 2 }), 'abc', ': must have at most 2 characters'],
  [matching(/^a+$/), 'b', ': must match ^a+$'],
  [matching(/^a+$/, 'must be full of a'), 'b', ': must be full of a'],
  [oneOf(2), 3, ': must be one of 2'],
  [list(text()), 'a', ': must be array'],
  [record(text()), [], ': must be object'],
  [record(text()), { a: 'x', b: 7 }, 'b: must be string']
]
for (const [shape, value, mistake] of refused) {
  t.test(`${JSON.stringify(value)}${mistake}`, async (t) => t.strictSame(mistakesOf(shape, value), [mistake]))
}

t.test('an open object keeps what it does not know, in its order', async (t) => {
  const shape = openObject({ size: integer({ from: 0, to: 10 }), more: optional(text()) })
  const { value } = decode(shape, { first: 1, size: 2, last: [3] })
  t.equal(JSON.stringify(value), '{"first":1,"size":2,"last":[3]}')
  t.strictSame(mistakesOf(shape, { first: 1 }), ['size: is missing'])
})

t.test('names that every object has are keys like any other', async (t) => {
  const given: unknown = JSON.parse('{"__proto__": "x", "constructor": "y"}')
  t.strictSame(Object.entries(decode(record(text()), given).value ?? {}), [
    ['__proto__', 'x'],
    ['constructor', 'y']
  ])
  t.strictSame(mistakesOf(object({}), given).length, 2)
  t.strictSame(mistakesOf(object({ toString: text() }), {}), ['toString: is missing'])
})
