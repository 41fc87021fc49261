import t from 'tap'
import { OPTION } from '../../../server/dhcp/registry.ts'

t.test('no two options have one code', async (t) => {
  const codes = Object.values(OPTION)
  t.equal(new Set(codes).size, codes.length)
})
