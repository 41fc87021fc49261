import t from 'tap'
import { subnetFor } from '../../../server/dhcp/overrides.ts'
import { addr, bytes, latin1, quad, roomOf } from '../../support/dhcp-packets.ts'

const HOUR = [51, bytes(0, 0, 0x0e, 0x10)] as const
const DAY = [51, bytes(0, 1, 0x51, 0x80)] as const

t.test('a subnet without raw options is as it is', async (t) => {
  const room = roomOf()
  t.equal(subnetFor(room, new Map()), room)
})

t.test('what raw options say of lease, router, DNS and NTP is so for all that depends on them', async (t) => {
  const two = bytes(10, 0, 0, 1, 10, 0, 0, 2)
  const found = subnetFor(roomOf(), new Map([DAY, [3, two], [6, two], [42, quad('10.0.0.3')]]))
  t.match(found, { leaseSeconds: 86_400, router: addr('10.0.0.1'), ntp: [addr('10.0.0.3')] })
  t.same(found.dns, [addr('10.0.0.1'), addr('10.0.0.2')])
})

t.test("the machine's go over the subnet's", async (t) => {
  const room = roomOf({ leaseSeconds: 600, options: new Map([HOUR]) })
  t.equal(subnetFor(room, new Map()).leaseSeconds, 3600)
  t.equal(subnetFor(room, new Map([DAY])).leaseSeconds, 86_400)
})

t.test('values of an odd length, and a lease of no time, say nothing', async (t) => {
  const room = roomOf({ leaseSeconds: 600, dns: [addr('10.0.0.9')] })
  const odd = [3, 6, 42, 51].map((code) => [code, latin1('odd')] as const)
  t.same({ ...subnetFor(room, new Map(odd)), ntp: undefined }, { ...room, ntp: undefined })
  t.equal(subnetFor(room, new Map([[51, bytes(0, 0, 0, 0)]])).leaseSeconds, 600)
  t.same(subnetFor(room, new Map([[6, bytes()]])).dns, room.dns)
})
