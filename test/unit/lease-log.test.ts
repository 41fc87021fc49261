import t from 'tap'
import type { DhcpEvent } from '../../server/boot/journal.ts'
import type { LeaseChange } from '../../server/boot/lease-change.ts'
import { LeaseLog } from '../../server/lease-log.ts'
import { FakeClock } from '../fakes/clock.ts'
import { addr } from '../support/dhcp-packets.ts'
import { recordingLog } from '../support/recording-log.ts'

const MAC = '52:54:00:12:34:56'
const OTHER = '52:54:00:12:34:57'
const UNTIL = Date.UTC(2026, 0, 31, 8)

function world(level = 'info') {
  const clock = new FakeClock()
  const { log, lines } = recordingLog(level)
  const hostOf = (mac: string) => (mac === MAC ? 'pc-07' : undefined)
  return { clock, lines, leases: new LeaseLog({ log, clock, hostOf }) }
}

function change(what: LeaseChange['what'], more: { mac?: string; formerMac?: string } = {}): DhcpEvent {
  const { mac = MAC, formerMac } = more
  const machine = { mac, stage: 'firmware', arch: 'x86-bios', uuid: undefined } as const
  return { kind: 'ack', ...machine, address: addr('10.0.0.5'), detail: '', lease: { what, until: UNTIL, formerMac } }
}

t.test('who got an address, until when, and who had it before', async (t) => {
  const { leases, lines } = world()
  leases.dhcp(change('assigned'))
  leases.dhcp(change('released'))
  leases.dhcp(change('assigned', { mac: OTHER, formerMac: MAC }))
  const until = '2026-01-31T08:00:00.000Z'
  t.match(lines, [
    { level: 30, msg: 'DHCP: lease assigned', host: 'pc-07', mac: MAC, address: '10.0.0.5', until },
    { level: 30, msg: 'DHCP: lease released', host: 'pc-07', mac: MAC, address: '10.0.0.5' },
    { level: 30, msg: 'DHCP: lease assigned', host: undefined, mac: OTHER, address: '10.0.0.5', formerMac: MAC }
  ])
})

t.test('what an administrator took away is over now', async (t) => {
  const { clock, leases, lines } = world()
  leases.revoked(addr('10.0.0.5'), MAC)
  const until = new Date(clock.now()).toISOString()
  t.match(lines, [{ msg: 'DHCP: lease revoked', host: 'pc-07', mac: MAC, address: '10.0.0.5', until }])
})

t.test('a room that renews every half hour is told at level debug alone', async (t) => {
  const quiet = world()
  const open = world('debug')
  for (let i = 0; i < 200; i++) {
    quiet.leases.dhcp(change('renewed'))
    open.leases.dhcp(change('renewed'))
  }
  t.same(quiet.lines, [])
  t.equal(open.lines.length, 200)
  t.match(open.lines[0], { level: 20, msg: 'DHCP: lease renewed', mac: MAC })
})

t.test('what is no change of a lease, and what is told elsewhere, is no line', async (t) => {
  const { leases, lines } = world('debug')
  leases.dhcp({ ...change('assigned'), kind: 'offer', lease: undefined })
  leases.dhcp({ ...change('declined'), kind: 'decline' })
  t.same(lines, [])
})

t.test('machines invented by the thousand fill no disk, and hide no renewal', async (t) => {
  const { clock, leases, lines } = world('debug')
  for (let i = 0; i < 5000; i++) leases.dhcp(change('assigned', { mac: `02:00:00:00:00:${i}` }))
  t.equal(lines.length, 1001)
  t.match(lines.at(-1), { level: 40, msg: /^too many leases change/ })
  leases.dhcp(change('renewed'))
  t.match(lines.at(-1), { msg: 'DHCP: lease renewed' })
  clock.advance(60_000)
  leases.dhcp(change('assigned'))
  t.equal(lines.length, 1003)
})
