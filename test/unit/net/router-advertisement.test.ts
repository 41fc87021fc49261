import t from 'tap'
import { linkLocal } from '../../../server/net/router-advertisement.ts'

t.test('the link-local address is the modified EUI-64 of the MAC', async (t) => {
  t.equal(linkLocal('52:54:00:77:00:01').toString('hex'), 'fe80000000000000505400fffe770001')
  t.equal(linkLocal('00:1b:21:aa:bb:cc').toString('hex'), 'fe80000000000000021b21fffeaabbcc')
})
