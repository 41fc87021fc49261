import t from 'tap'
import { DHCP_DEFAULTS, NO_RESERVATIONS } from '../../../server/dhcp/settings.ts'
import { MAC } from '../../support/dhcp-packets.ts'

t.test('the defaults disturb no network: boot options only, and no address given', async (t) => {
  t.match(DHCP_DEFAULTS, { mode: 'proxy', subnets: [], optionCode: 224 })
})

t.test('an inventory without reservations reserves nothing', async (t) => {
  t.same(
    [NO_RESERVATIONS.reservation(MAC), NO_RESERVATIONS.reservedFor(1), NO_RESERVATIONS.hostname(MAC)],
    [undefined, undefined, undefined]
  )
})
