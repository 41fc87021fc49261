import t from 'tap'
import { Problem, toProblem } from '../../../server/http/problem.ts'

t.test('a problem is itself', async (t) => {
  const problem = new Problem(418, 'TEAPOT', 'I am one')
  t.equal(toProblem(problem), problem)
})

t.test('anything else is blank, whatever it carries', async (t) => {
  const secret = 'at /secret-path'
  const carrying = (facts: object) => Object.assign(new Error(secret), facts)
  for (const error of [
    carrying({}),
    carrying({ statusCode: 500 }),
    carrying({ statusCode: 302 }),
    carrying({ code: 'EIO' }),
    secret,
    undefined,
    null
  ]) {
    const problem = toProblem(error)
    t.match(problem, { status: 500, code: 'INTERNAL' })
    t.notMatch(problem.detail, secret)
  }
})

t.test('a fault of the request that the framework finds keeps its status, not its words', async (t) => {
  const found = toProblem(Object.assign(new Error('secret'), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' }))
  t.match(found, { status: 413, code: 'BODY_TOO_LARGE' })
  const unknown = toProblem(Object.assign(new Error('secret'), { statusCode: 406, code: 'FST_ERR_NEW' }))
  t.match(unknown, { status: 406, code: 'BAD_REQUEST' })
  t.notMatch(unknown.detail, 'secret')
})
