// Who may do what: bearer tokens (RFC 6750) with a scope, asked of every route before anything of the request is read.
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { SCOPES, type Scope, type Token } from '../state/tokens.ts'
import { type TokenVerifier, tokenOf } from './bearer.ts'
import { Problem } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token must allow for this route. */
    scope?: Scope
  }
}

const REALM = 'Bearer realm="rootcast"'
const callers = new WeakMap<FastifyRequest, Token>()

/** Options of a route that asks for a token of this scope, for its handler and its documentation. */
export function needs(scope: Scope): { readonly config: { readonly scope: Scope } } {
  return { config: { scope } }
}

/** The token that the request came with, as the audit calls it: names need not be unique. */
export function actorOf(request: FastifyRequest): string {
  const { name, id } = callers.get(request) ?? { name: 'unknown', id: '-' }
  return `${name} (${id})`
}

/**
 * Guards every route that is added to `app` from here on, and what is not found in it.
 * A route that names no scope is a mistake of ours: it fails when it is added, not when somebody finds it open.
 */
export function guard(app: FastifyInstance, tokens: TokenVerifier): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    if (!route.config?.scope) throw new Error(`${route.method} ${route.url} names no scope`)
  })
  app.addHook('onRequest', async (request) => {
    const token = authenticate(request.headers.authorization, tokens)
    callers.set(request, token)
    const { scope } = request.routeOptions.config
    if (scope && SCOPES.indexOf(token.scope) < SCOPES.indexOf(scope)) {
      const headers = { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` }
      throw new Problem(403, 'SCOPE_INSUFFICIENT', `this needs a token with scope ${scope}`, { headers })
    }
  })
}

function authenticate(authorization: string | undefined, tokens: TokenVerifier): Token {
  if (authorization === undefined) {
    throw new Problem(401, 'TOKEN_MISSING', 'send a token: Authorization: Bearer rc_…', {
      headers: { 'www-authenticate': REALM }
    })
  }
  const token = tokenOf(authorization, tokens)
  if (token) return token
  throw new Problem(401, 'TOKEN_INVALID', 'this token is not known here', {
    headers: { 'www-authenticate': `${REALM}, error="invalid_token"` }
  })
}
