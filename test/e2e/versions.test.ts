import './support/inside.ts'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { BootSchema, LeaseSchema } from '../../server/http/schema.ts'
import type { Shell } from '../../server/lab/shell.ts'
import { layerOf } from './support/layer.ts'
import { type Diskless, startWorld } from './support/world.ts'

const world = await startWorld(t, { clients: 2 })
await world.publish('1', { layers: [await layerOf('etc/lab-version', '1')] })

const versionIn = (shell: Shell) => shell.read('cat /etc/lab-version')
const machineIdIn = (shell: Shell) => shell.read('cat /etc/machine-id')
const addressesIn = (shell: Shell) => shell.read("ip -4 -o address show scope global | awk '{ print $4 }'")

/** The version that the server says that a machine runs. */
async function versionAt({ machine }: Diskless): Promise<string | undefined> {
  const [boot] = await world.rig.api.get(`/boots?mac=${machine.mac}&limit=1`, Type.Array(BootSchema))
  return boot?.version
}

/** Every stage of this boot had the one address that its lease says. */
async function hasOneAddress(t: Test, diskless: Diskless, shell: Shell): Promise<string> {
  const leases = await world.rig.api.get('/leases', Type.Array(LeaseSchema))
  const mine = leases.filter(({ mac }) => mac === diskless.machine.mac)
  t.equal(mine.length, 1, 'one lease, whatever each stage calls itself')
  const address = mine[0]?.address ?? 'none'
  const told = diskless.events.filter(({ step, outcome }) => /dhcp|network/.test(step) && outcome === 'ok')
  for (const { step, detail } of told) t.match(detail, address, `${step} has ${address}`)
  t.equal(await addressesIn(shell), `${address}/24`, `the system has ${address} and no other`)
  return address
}

t.test('two machines at once, a promotion while they run, and who they are across reboots', async (t) => {
  // One with a ROM that is iPXE, one whose firmware and iPXE each ask for an address.
  const plain = await world.host(t, 1, { firmware: 'bios', rom: 'ipxe' }, {})
  const chained = await world.host(t, 2, { firmware: 'uefi', rom: 'none' }, { loader: 'ipxe' })
  const both = [plain, chained]
  await Promise.all(both.map((diskless) => diskless.powerOn()))
  const shells = await Promise.all(both.map((diskless) => diskless.login()))

  const addresses: string[] = []
  for (const [i, diskless] of both.entries()) {
    const shell = shells[i]
    if (shell) addresses.push(await hasOneAddress(t, diskless, shell))
  }
  const ids = await Promise.all(shells.map(machineIdIn))
  t.not(addresses[0], addresses[1], 'two machines, two addresses')
  t.not(ids[0], ids[1], 'two machines, two machine-ids')
  for (const id of ids) t.match(id, /^[0-9a-f]{32}$/)

  await world.publish('2', { layers: [await layerOf('etc/lab-version', '2')] })
  t.strictSame(await Promise.all(shells.map(versionIn)), ['1', '1'], 'who runs keeps its root')
  t.strictSame(await Promise.all(both.map(versionAt)), ['1', '1'], 'and the server knows')

  // One is cut off, the other restarts itself.
  await Promise.all([plain.powerCycle(), chained.reboot()])
  const again = await Promise.all(both.map((diskless) => diskless.login()))
  t.strictSame(await Promise.all(again.map(versionIn)), ['2', '2'], 'the next boot gets the promoted version')
  t.strictSame(await Promise.all(both.map(versionAt)), ['2', '2'], 'and the server knows')
  t.strictSame(await Promise.all(again.map(machineIdIn)), ids, 'each has its machine-id again')
  for (const [i, diskless] of both.entries()) {
    const shell = again[i]
    if (shell) t.equal(await hasOneAddress(t, diskless, shell), addresses[i], 'each has its address again')
  }
})
