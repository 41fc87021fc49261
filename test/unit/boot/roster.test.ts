import t from 'tap'
import type { Boot } from '../../../server/boot/model.ts'
import { open } from '../../../server/boot/progress.ts'
import { type Entry, entryOf, Roster } from '../../../server/boot/roster.ts'
import { CLIENT, MAC } from '../../fakes/boot-world.ts'

const OTHER = '52:54:00:00:00:02'
const THIRD = '52:54:00:00:00:03'

function entry(mac: string, id: string, state: Boot['state'] = 'booting'): Entry {
  const boot: Boot = {
    id,
    mac,
    address: undefined,
    host: undefined,
    arch: 'x86-bios',
    state,
    image: undefined,
    version: undefined,
    startedAt: 0,
    updatedAt: 0
  }
  return entryOf(open(boot, 'dhcp'), undefined)
}

t.test('a boot is found by MAC, id and address', async (t) => {
  const roster = new Roster(10)
  const known = entry(MAC, 'a')
  roster.add(known)
  roster.learn(MAC, CLIENT)
  t.equal(roster.ofMac(MAC), known)
  t.equal(roster.ofId('a'), known)
  t.equal(roster.ofAddress(CLIENT), known)
})

t.test("a machine's next boot takes the place of the last one", async (t) => {
  const roster = new Roster(10)
  roster.add(entry(MAC, 'a'))
  roster.add(entry(MAC, 'b'))
  t.equal(roster.size, 1)
  t.equal(roster.ofId('a'), undefined)
  t.equal(roster.ofMac(MAC)?.progress.boot.id, 'b')
})

t.test('an address belongs to one machine, and a machine has one address', async (t) => {
  const roster = new Roster(10)
  roster.learn(MAC, CLIENT)
  roster.learn(OTHER, CLIENT)
  t.equal(roster.macOf(CLIENT), OTHER)
  roster.learn(MAC, CLIENT + 2)
  t.equal(roster.macOf(CLIENT), OTHER, 'what the first machine has now takes nothing from the second')
  roster.learn(OTHER, CLIENT + 1)
  t.equal(roster.macOf(CLIENT), undefined)
  t.equal(roster.macOf(CLIENT + 1), OTHER)
})

t.test('a machine that learns its own address again keeps it', async (t) => {
  const roster = new Roster(10)
  roster.learn(MAC, CLIENT)
  roster.learn(MAC, CLIENT)
  t.equal(roster.macOf(CLIENT), MAC)
})

t.test('a machine has an address of each family', async (t) => {
  const roster = new Roster(10)
  roster.learn(MAC, CLIENT)
  roster.learn(MAC, 'fd00:77::5')
  t.equal(roster.macOf(CLIENT), MAC)
  t.equal(roster.macOf('fd00:77::5'), MAC)
  roster.learn(MAC, 'fd00:77::6')
  t.equal(roster.macOf('fd00:77::5'), undefined)
  t.equal(roster.macOf(CLIENT), MAC)
})

t.test('those heard of longest ago are forgotten, running machines last', async (t) => {
  const roster = new Roster(2)
  const first = entry(MAC, 'a')
  roster.add(first)
  roster.add(entry(OTHER, 'b'))
  roster.touch(first)
  roster.add(entry(THIRD, 'c'))
  t.equal(roster.ofMac(OTHER), undefined, 'the other one was heard of before the first')
  t.equal(roster.ofMac(MAC), first)

  const running = new Roster(2)
  running.add(entry(MAC, 'a', 'running'))
  running.add(entry(OTHER, 'b'))
  running.add(entry(THIRD, 'c'))
  t.same(
    [...running.entries()].map(({ progress }) => progress.boot.id),
    ['a', 'c']
  )
})

t.test('addresses are forgotten as well', async (t) => {
  const roster = new Roster(2)
  roster.learn(MAC, 1)
  roster.learn(OTHER, 2)
  roster.learn(THIRD, 3)
  t.equal(roster.macOf(1), undefined)
  t.equal(roster.macOf(3), THIRD)
})
