import t from 'tap'
import { tokenOf } from '../../../server/http/bearer.ts'
import type { Token } from '../../../server/state/tokens.ts'

const known: Token = { id: '1', name: 'ci', scope: 'admin', createdAt: 0, lastUsedAt: undefined }
const tokens = { verify: (secret: string) => (secret === 'rc_known' ? known : undefined) }

t.test('the scheme has no case, and blanks around the secret are no part of it', async (t) => {
  for (const header of ['Bearer rc_known', 'bearer   rc_known', 'BEARER rc_known  '])
    t.equal(tokenOf(header, tokens), known)
})

t.test('nothing else is a token', async (t) => {
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer rc_other',
    'Bearer rc_known more',
    'Basic rc_known',
    'rc_known'
  ]) {
    t.equal(tokenOf(header, tokens), undefined)
  }
})
