import fastify from 'fastify'
import t from 'tap'
import { answerProblems } from '../../../server/http/problem.ts'
import { actorOf, guard, needs } from '../../../server/http/token.ts'
import { SCOPES, type Scope } from '../../../server/state/tokens.ts'

/** A verifier for which each scope's name is its secret. */
const tokens = {
  verify(secret: string) {
    const scope = SCOPES.find((known) => known === secret)
    return scope && { id: '7', name: 'ann', scope, createdAt: 0, lastUsedAt: undefined }
  }
}

function guarded() {
  const app = fastify()
  answerProblems(app)
  guard(app, tokens)
  for (const scope of SCOPES) app.get(`/${scope}`, needs(scope), async (request) => actorOf(request))
  const ask = (scope: Scope, authorization: string) => app.inject({ url: `/${scope}`, headers: { authorization } })
  return { app, ask }
}

t.test('each scope includes the ones before it', async (t) => {
  const { ask } = guarded()
  for (const [i, asked] of SCOPES.entries()) {
    for (const [k, held] of SCOPES.entries()) {
      t.equal((await ask(asked, `Bearer ${held}`)).statusCode, k >= i ? 200 : 403, `${held} asks for ${asked}`)
    }
  }
})

t.test('the audit is told the name and the id', async (t) => {
  t.equal((await guarded().ask('read', 'Bearer admin')).body, 'ann (7)')
})

t.test('the scheme is spelled in any case; anything else is no token', async (t) => {
  const { ask } = guarded()
  t.equal((await ask('read', 'bearer  admin ')).statusCode, 200)
  for (const wrong of ['admin', 'Basic admin', 'Bearer', 'Bearer ', 'Bearer admin x', 'Bearer root', '']) {
    t.equal((await ask('read', wrong)).statusCode, 401, wrong)
  }
})

t.test('a route that names no scope can’t be added', async (t) => {
  const { app } = guarded()
  t.throws(() => app.get('/open', async () => 'open'), { message: 'GET /open names no scope' })
})
