import t from 'tap'
import Type from 'typebox'
import { compileValidator, fieldErrors } from '../../../server/http/validation.ts'

const schema = Type.Object(
  {
    count: Type.Integer({ minimum: 1, default: 7 }),
    name: Type.Optional(Type.String({ pattern: '^[a-z]+$' })),
    tags: Type.Optional(Type.Array(Type.Enum(['red', 'green'])))
  },
  { additionalProperties: false }
)
const validator = (httpPart: string) => compileValidator({ schema, httpPart })

function faults(httpPart: string, value: unknown) {
  const verdict = validator(httpPart)(value)
  return 'error' in verdict ? fieldErrors(verdict.error, httpPart) : []
}

t.test('a query is text: it is read as what the schema names, and completed', async (t) => {
  t.same(validator('querystring')({ count: '5', name: 'ann' }), { value: { count: 5, name: 'ann' } })
  t.same(validator('querystring')({}), { value: { count: 7 } })
})

t.test('a body is taken as it is', async (t) => {
  t.match(validator('body')({ count: '5' }), { error: [{ keyword: 'type', instancePath: '/count' }] })
  t.match(validator('body')({}), { error: [{ keyword: 'required' }] })
})

t.test('each fault names its field and says in words what it should be', async (t) => {
  const words = (value: unknown) => faults('body', value)
  t.same(words({}), [{ field: 'body.count', message: 'is missing' }])
  t.same(words({ count: 1, colour: 'red' }), [{ field: 'body.colour', message: 'is unknown' }])
  t.same(words({ count: 1, tags: ['blue'] }), [{ field: 'body.tags.0', message: 'must be one of red, green' }])
  t.same(words({ count: 1, name: 'Ann' }), [{ field: 'body.name', message: 'must match ^[a-z]+$' }])
  t.same(words({ count: 0 }), [{ field: 'body.count', message: 'must be >= 1' }])
  t.same(words(7), [{ field: 'body', message: 'must be object' }])
  t.same(words({ count: 1, 'a/b': 1 }), [{ field: 'body.a/b', message: 'is unknown' }])
})

t.test('a query is called a query', async (t) => {
  const [error] = faults('querystring', { count: 'many' })
  t.equal(error?.field, 'query.count')
})
