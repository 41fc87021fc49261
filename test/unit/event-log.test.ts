import { PassThrough } from 'node:stream'
import t from 'tap'
import type { DhcpEvent } from '../../server/boot/journal.ts'
import type { Boot, BootEvent } from '../../server/boot/model.ts'
import { EventLog } from '../../server/event-log.ts'
import { createLog } from '../../server/log.ts'
import { FakeClock } from '../fakes/clock.ts'
import { addr } from '../support/dhcp-packets.ts'
import { recordingLog } from '../support/recording-log.ts'

const MAC = '52:54:00:12:34:56'

function world() {
  const clock = new FakeClock()
  const destination = new PassThrough()
  const events = new EventLog({ log: createLog({ level: 'info', destination }), clock, hostOf: () => 'pc-07' })
  const lines = (): string[] =>
    String(destination.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => String(JSON.parse(line).msg))
  return { clock, events, lines }
}

function dhcp(kind: DhcpEvent['kind'], detail = '', mac = MAC): DhcpEvent {
  return { kind, mac, address: undefined, stage: 'firmware', arch: 'x86-bios', uuid: undefined, detail }
}

function failed(detail: string, state: Boot['state'] = 'failed'): [BootEvent, Boot] {
  const at = 0
  const event: BootEvent = {
    ...{ bootId: 'b1', mac: MAC, at, step: 'script', outcome: 'failed', detail },
    ...{ doneBytes: undefined, totalBytes: undefined, bytesPerSecond: undefined }
  }
  const boot: Boot = {
    ...{ id: 'b1', mac: MAC, address: undefined, host: 'pc-07', arch: 'x86-bios', state },
    ...{ image: undefined, version: undefined, startedAt: at, updatedAt: at }
  }
  return [event, boot]
}

t.test('an empty pool is one line, however many machines ask, and again after ten minutes', async (t) => {
  const { clock, events, lines } = world()
  for (let i = 0; i < 50; i++)
    events.dhcp(dhcp('pool-empty', 'no address of 10.0.0.0/24 is free', `02:00:00:00:00:${i}`))
  t.same(lines(), ['DHCP: no address of 10.0.0.0/24 is free; widen a pool in dhcp.subnets, or shorten leaseSeconds'])
  clock.advance(10 * 60_000 - 1)
  events.dhcp(dhcp('pool-empty', 'no address of 10.0.0.0/24 is free'))
  t.same(lines(), [])
  clock.advance(1)
  events.dhcp(dhcp('pool-empty', 'no address of 10.0.0.0/24 is free'))
  t.equal(lines().length, 1)
})

t.test('who is refused an address, or finds it taken, is named once', async (t) => {
  const { events, lines } = world()
  for (let i = 0; i < 3; i++) {
    events.dhcp(dhcp('nak', '10.0.0.5: that address is not yours'))
    events.dhcp(dhcp('decline', '10.0.0.6 is in use by somebody else'))
    events.dhcp(dhcp('dropped', 'too many ACKs are waiting'))
  }
  t.same(lines(), [
    'DHCP: refused 10.0.0.5: that address is not yours',
    'DHCP: 10.0.0.6 is in use by somebody else',
    'DHCP: requests are dropped: too many ACKs are waiting'
  ])
})

t.test('a refusal names the machine and the address, and when a declined one may be given away again', async (t) => {
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  const events = new EventLog({ log, clock, hostOf: () => 'pc-07' })
  const address = addr('10.0.0.5')
  events.dhcp({ ...dhcp('nak', '10.0.0.5: no'), address })
  events.dhcp({ ...dhcp('decline', 'in use'), address, lease: { what: 'declined', until: 0, formerMac: undefined } })
  t.match(lines, [
    { host: 'pc-07', mac: MAC, address: '10.0.0.5' },
    { host: 'pc-07', mac: MAC, address: '10.0.0.5', until: '1970-01-01T00:00:00.000Z' }
  ])
})

t.test('what goes well is no line', async (t) => {
  const { events, lines } = world()
  for (const kind of ['offer', 'ack', 'proxy-offer', 'release'] as const) events.dhcp(dhcp(kind))
  events.boot(...failed('one transfer of many', 'booting'))
  t.same(lines(), [])
})

t.test('a machine that is refused says why, once, without the tail of its log', async (t) => {
  const { events, lines } = world()
  for (let i = 0; i < 5; i++)
    events.boot(...failed('no image is assigned to host pc-07; ask your administrator\nand more'))
  events.boot(...failed('there is no image lab; ask your administrator'))
  t.same(lines(), [
    'boot failed: no image is assigned to host pc-07; ask your administrator',
    'boot failed: there is no image lab; ask your administrator'
  ])
})

t.test('machines invented by the thousand fill no disk', async (t) => {
  const { clock, events, lines } = world()
  for (let i = 0; i < 1000; i++) events.dhcp(dhcp('nak', '10.0.0.5: no', `machine ${i}`))
  const said = lines()
  t.equal(said.length, 61)
  t.equal(said.at(-1), 'too many machines are refused or fail to name each of them')
  clock.advance(60_000)
  events.dhcp(dhcp('nak', '10.0.0.5: no', 'machine 1001'))
  t.equal(lines().length, 1)
})
