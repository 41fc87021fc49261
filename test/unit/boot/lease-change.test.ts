import t from 'tap'
import { grantTo } from '../../../server/boot/lease-change.ts'

const ONE = '52:54:00:00:00:01'
const OTHER = '52:54:00:00:00:02'

t.test('a lease is renewed by whoever has it, and else assigned', async (t) => {
  const grant = (before?: { identity: string; isOver: boolean }) => grantTo(ONE, before, 7)
  t.same(grant(), { what: 'assigned', until: 7, formerMac: undefined })
  t.same(grant({ identity: ONE, isOver: false }), { what: 'renewed', until: 7, formerMac: undefined })
  t.same(grant({ identity: ONE, isOver: true }), { what: 'assigned', until: 7, formerMac: undefined })
  t.same(grant({ identity: OTHER, isOver: true }), { what: 'assigned', until: 7, formerMac: OTHER })
})
