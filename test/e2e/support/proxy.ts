// ProxyDHCP beside somebody else's DHCP server: that one gives addresses and knows nothing of booting.
import type { Test } from 'tap'
import type { BootSettings } from '../../../server/boot/model.ts'
import { CARD, SWITCH } from '../../../server/lab/network.ts'
import type { ClientOptions } from '../../../server/lab/rig.ts'
import { ip, Namespace } from '../../support/netns.ts'
import { startWorld } from './world.ts'

/** What the other server hands out. */
const POOL = /^10\.77\.0\.(5\d)\/24$/

export interface ProxyRow {
  readonly name: string
  readonly client: Partial<ClientOptions>
  readonly settings: BootSettings
}

/** Where the other server leaves next-server alone. */
export const UNTOUCHED: readonly ProxyRow[] = [
  { name: 'BIOS with an iPXE ROM', client: { firmware: 'bios', rom: 'ipxe' }, settings: {} },
  { name: 'UEFI’s own PXE, to iPXE', client: { firmware: 'uefi', rom: 'none' }, settings: {} }
]

/** Where the other server names us as next-server, which GRUB goes to. */
export const NEXT_SERVER_IS_OURS: readonly ProxyRow[] = [
  { name: 'BIOS with an iPXE ROM', client: { firmware: 'bios', rom: 'ipxe' }, settings: {} },
  {
    name: 'UEFI’s own PXE, to shim and GRUB, Secure Boot enforced',
    client: { firmware: 'uefi-secure', rom: 'none' },
    settings: { loader: 'grub' }
  }
]

/** @param startOther starts the other server on `eth0` of its namespace, where it is 10.77.0.2. */
export async function bootBeside(
  t: Test,
  rows: readonly ProxyRow[],
  startOther: (namespace: Namespace) => Promise<void>
): Promise<void> {
  t.jobs = 2
  const config = { dhcp: { mode: 'proxy', interfaces: [CARD] } }
  const world = await startWorld(t, { clients: rows.length, config })
  const other = await Namespace.create()
  t.teardown(() => other[Symbol.asyncDispose]())
  await other.cable('other0', 'eth0')
  await other.exec('ip', 'address', 'add', '10.77.0.2/24', 'dev', 'eth0')
  await ip(`link set other0 master ${SWITCH}`)
  await startOther(other)
  await world.publish('1')

  for (const [i, { name, client, settings }] of rows.entries()) {
    t.test(name, { buffered: true }, async (t) => {
      const machine = await world.host(t, i + 1, client, settings)
      await machine.powerOn()
      const shell = await machine.login()
      const addresses = await shell.read("ip -4 -o address show scope global | awk '{ print $4 }'")
      t.match(addresses, POOL, 'one address, and the other server gave it')
      t.equal(await shell.read('findmnt -rno FSTYPE /'), 'overlay')
    })
  }
}
