// Bearer tokens as they come in (RFC 6750 §2.1). By itself, for the admin face looks at them before what answers is loaded.
import type { Token } from '../state/tokens.ts'

/** What this needs, and no more. */
export interface TokenVerifier {
  verify(secret: string): Token | undefined
}

/** The token of an Authorization header, if it is one that is known here. */
export function tokenOf(authorization: string | undefined, tokens: TokenVerifier): Token | undefined {
  const [, secret] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  return secret === undefined ? undefined : tokens.verify(secret)
}
